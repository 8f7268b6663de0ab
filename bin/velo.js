#!/usr/bin/env node
// The executable: everything it does is in dist/cli/main.js.
import { limitModuleReads } from '../dist/base/module-reads.js';

limitModuleReads();
await import('../dist/cli/main.js');
