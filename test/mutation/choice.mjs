/**
 * Which places are mutated: so many, by seed, spread over the folders and over files by their size.
 * Owns reading the sources and the spread; what a place is, is sites.mjs.
 */
import { relative, sep } from 'node:path';
import ts from 'typescript';
import { mulberry32 } from '../../dist/bench/statistics.js';
import { sitesOf } from './sites.mjs';

export const FOLDERS = ['runtime', 'state', 'processors', 'formats'];

/**
 * @param {{ root: string, seed: number, count: number }} wanted
 * @returns {(import('./sites.mjs').Site & { id: number, file: string, folder: string })[]}
 */
export function chooseMutants({ root, seed, count }) {
  const random = mulberry32(seed);
  const places = allPlaces(root, random);
  const chosen = FOLDERS.flatMap((folder) => {
    const own = places.filter((place) => place.folder === folder);
    return spread(own, Math.round((count * own.length) / places.length), random);
  });
  return chosen.map((place, at) => ({ id: at + 1, ...place }));
}

/** One of each `places.length / count` in a row, so that a file gets its share; none in another. */
export function spread(places, count, random) {
  const step = places.length / count;
  const taken = [];
  for (let at = random() * step; at < places.length && taken.length < count; at += step) {
    const place = places[Math.floor(at)];
    const last = taken.at(-1);
    if (last?.file === place.file && place.start < last.end) continue;
    taken.push(place);
  }
  return taken;
}

function allPlaces(root, random) {
  const config = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile).config;
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram(fileNames, options);
  const checker = program.getTypeChecker();
  const isNumber = (node) => isNumberType(checker.getTypeAtLocation(node));
  return program
    .getSourceFiles()
    .map((source) => ({ source, file: relative(root, source.fileName).split(sep).join('/') }))
    .filter(({ file }) => FOLDERS.includes(folderOf(file)))
    .sort((a, b) => (a.file < b.file ? -1 : 1))
    .flatMap(({ source, file }) =>
      sitesOf(source, isNumber, random).map((site) => ({ ...site, file, folder: folderOf(file) })),
    );
}

function folderOf(file) {
  return /^src\/(\w+)\//.exec(file)?.[1] ?? '';
}

/** A branded number is an intersection, a literal or a union of numbers one of numbers. */
function isNumberType(type) {
  if (type.isIntersection()) return type.types.some(isNumberType);
  if (type.isUnion()) return type.types.every(isNumberType);
  return (type.flags & (ts.TypeFlags.NumberLike | ts.TypeFlags.BigIntLike)) !== 0;
}
