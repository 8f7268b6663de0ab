#!/usr/bin/env node
// The executable: everything it does is in dist/cli/main.js.
import '../dist/cli/main.js';
