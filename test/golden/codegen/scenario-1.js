'use strict';
return function kernel(rowCount, selection, selectedCount, failed, inputs, outputs, passing, failAt, dynamicFailures, noNulls, report) {
  const i = inputs[0].values;
  const memo_states = memo.statesOfNumbers();
  const memo_length = memo_states.length;
  const out_0_codes = outputs[0].codes;
  const out_1_f64 = outputs[1].f64;
  const out_2_f64 = outputs[2].f64;
  let passed = 0;
  let failures = 0;
  rows: for (let row = 0; row < rowCount; row += 1) {
    const i_value = i[row];
    const word = i_value | 0;
    const key = (word === i_value ? (word % 10) | 0 : remainder(i_value, 10));
    let state = (key >>> 0) < memo_length ? memo_states[key] : (-1);
    if (state < 0) {
      if (state === (-1)) {
        state = memo.missNumber(key);
        if (memo.exhausted) return (-1);
      }
      if (state === (-3)) {
        dynamicFailures.set(row, memo.failure);
        failAt[row] = 1;
        failures += 1;
        continue rows;
      }
    }
    out_0_codes[row] = state;
    const word_2 = i_value | 0;
    out_1_f64[row] = ((100 + (word_2 === i_value ? (word_2 % 50) | 0 : remainder(i_value, 50))) + (Math.sin((i_value / 100)) * 10));
    const checked = (i_value * 1000);
    if (!(checked <= 9007199254740991 && checked >= (-9007199254740991))) return (-1);
    const checked_2 = (1700000000000 + checked);
    if (!(checked_2 <= 9007199254740991)) return (-1);
    out_2_f64[row] = checked_2;
  }
  report[0] = failures;
  return passed;
}

//# sourceURL=velo-calc-test.js
