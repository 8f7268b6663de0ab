/**
 * `velo completion bash|zsh|fish`: a script for the shell, made from the commands that are there.
 * Owns the command; the scripts, which hold all they need, so that pressing Tab starts no velo, are
 * shells/.
 */
import type { Command } from 'commander';
import { choiceFlag } from './options.js';
import { bashScript } from './shells/bash-completion.js';
import { commandModel } from './shells/command-model.js';
import type { CommandModel } from './shells/command-model.js';
import { fishScript } from './shells/fish-completion.js';
import { zshScript } from './shells/zsh-completion.js';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const satisfies Readonly<
  Record<string, (velo: CommandModel) => string>
>;
type Shell = keyof typeof SCRIPTS;
const SHELLS = Object.keys(SCRIPTS) as readonly Shell[];

const EXAMPLES = `
Examples:
  $ velo completion bash > /etc/bash_completion.d/velo
  $ velo completion zsh > "\${fpath[1]}/_velo"
  $ velo completion fish > ~/.config/fish/completions/velo.fish
  $ source <(velo completion bash)`;

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .argument('<shell>', SHELLS.join(', '), choiceFlag('completion', SHELLS))
    .description('print a completion script for a shell')
    .addHelpText('after', EXAMPLES)
    .action((shell: Shell) => {
      process.stdout.write(`${SCRIPTS[shell](commandModel(program))}\n`);
    });
}
