'use strict';
return function kernel(rowCount, selection, selectedCount, failed, inputs, outputs, passing, failAt, dynamicFailures, noNulls, report) {
  const id = inputs[0].values;
  const out_0_i64 = outputs[0].i64;
  const out_1_f64 = outputs[1].f64;
  let passed = 0;
  let failures = 0;
  rows: for (let row = 0; row < rowCount; row += 1) {
    const id_value = id[row];
    const result = (id_value + 1n);
    if (result > 9223372036854775807n) {
      failAt[row] = 2;
      failures += 1;
      continue rows;
    }
    out_0_i64[row] = result;
    const rest = id_value % 10n;
    out_1_f64[row] = Number(rest);
  }
  report[0] = failures;
  return passed;
}

//# sourceURL=velo-calc-test.js
