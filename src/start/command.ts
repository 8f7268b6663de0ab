/** Where the command starts: bin/velo.js imports this. What it does is cli/main.ts, in the bundle. */
import { runBundle } from './kept-code.js';

runBundle('main');
