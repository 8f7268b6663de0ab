/**
 * The one door to chevrotain. Its package entry loads some 300 small modules of lodash-es, about
 * 250 ms of start-up on a two-core machine; the bundle that the same package ships is one file and
 * takes 10 ms. This file resolves the bundle next to the entry and falls back to the entry itself.
 * Owns nothing else: tokens, grammar and messages live in the files beside it.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type * as Chevrotain from 'chevrotain';

async function loadChevrotain(): Promise<typeof Chevrotain> {
  const entry = pathToFileURL(createRequire(import.meta.url).resolve('chevrotain'));
  const bundle = new URL('../chevrotain.min.mjs', entry);
  if (!existsSync(bundle)) return import('chevrotain');
  // The bundle is built from the same sources, so it has the types of the entry.
  return (await import(bundle.href)) as typeof Chevrotain;
}

export const { createToken, EmbeddedActionsParser, EOF, Lexer } = await loadChevrotain();
