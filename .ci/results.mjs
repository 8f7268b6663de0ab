// What vitest's JSON reports say of a CI run.
//   node .ci/results.mjs failed REPORT                 files with a failure, a line each
//   node .ci/results.mjs summary REPORT AGAIN STATUS   all that failed, and "N passed, N failed" last
// AGAIN is the report of those files, run once more with nothing beside them; it may be missing.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [, , what, file, again, status] = process.argv;
const resultsOf = (path) => JSON.parse(readFileSync(path, 'utf8')).testResults;
const results = resultsOf(file);

const nameOf = ({ name }) => relative(process.cwd(), name);
const seconds = ({ startTime, endTime }) => (endTime - startTime) / 1000;

/** Tests, and files whose hooks or imports failed: what each is called and what became of it. */
function outcomesOf(result) {
  const tests = result.assertionResults.map((test) => ({
    name: `${nameOf(result)} > ${test.fullName}`,
    status: test.status,
    why: test.failureMessages ?? [],
  }));
  const isBroken = result.status !== 'passed' && tests.every((test) => test.status !== 'failed');
  const whole = { name: nameOf(result), why: [result.message] };
  if (isBroken) return [...tests, { ...whole, status: 'failed' }];
  return result.status === 'passed' ? [...tests, { ...whole, status: 'whole' }] : tests;
}

if (what === 'failed') {
  for (const result of results) if (result.status !== 'passed') console.log(nameOf(result));
} else {
  const slowest = [...results].sort((a, b) => seconds(b) - seconds(a)).slice(0, 15);
  for (const result of slowest) {
    console.log(`${seconds(result).toFixed(0).padStart(5)} s  ${nameOf(result)}`);
  }
  const passedAlone = new Set(
    (existsSync(again) ? resultsOf(again) : [])
      .flatMap(outcomesOf)
      .filter((outcome) => outcome.status === 'passed' || outcome.status === 'whole')
      .map(({ name }) => name),
  );
  let passed = 0;
  let failed = 0;
  for (const outcome of results.flatMap(outcomesOf)) {
    if (outcome.status === 'whole') continue;
    if (outcome.status === 'passed') passed += 1;
    else if (passedAlone.has(outcome.name)) passed += outcome.name.includes(' > ') ? 1 : 0;
    else failed += 1;
    if (outcome.status === 'passed') continue;
    const how = passedAlone.has(outcome.name) ? ' beside others, passed alone' : '';
    console.log(`${outcome.status}${how}: ${outcome.name}`);
    console.log(outcome.why.join('\n').split('\n').slice(0, 12).join('\n'));
  }
  // Something else of the run failed: the fast tests, the benchmark.
  if (failed === 0 && Number(status) !== 0) failed = 1;
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
