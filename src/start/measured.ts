/** Where the process of a trial of `velo bench` starts; what it does is bench/trial.ts, in the bundle. */
import { runBundle } from './kept-code.js';

runBundle('trial');
