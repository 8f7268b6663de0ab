/** The commands of docs/files.md and docs/testing.md write what the pages say. */
import { describePage } from '../support/page-commands.js';

describePage('docs/files.md', { page: 'docs/files.md', commandsMin: 12, talk: 'quiet' });
describePage('docs/testing.md', { page: 'docs/testing.md', commandsMin: 5, talk: 'all' });
