'use strict';
return function kernel(rowCount, selection, selectedCount, failed, inputs, outputs, passing, failAt, dynamicFailures, noNulls, report) {
  const i_nulls = inputs[0].nulls ?? noNulls;
  const i = inputs[0].values;
  const symbol_codes = inputs[2].codes;
  const symbol_dictionary = inputs[2].dictionary;
  const memo_states = memo.statesOfCodes(symbol_dictionary);
  const money = inputs[1].values;
  const out_0_i64 = outputs[0].i64;
  const out_1_f64 = outputs[1].f64;
  const memo_2_states = memo_2.statesOfCodes(symbol_dictionary);
  const out_2_codes = outputs[2].codes;
  let passed = 0;
  let failures = 0;
  rows: for (let row = 0; row < rowCount; row += 1) {
    const i_value_null = (i_nulls[row] === 1);
    const i_value = i[row];
    if (!(!i_value_null && (i_value > 0))) continue rows;
    const key = symbol_codes[row];
    let state = memo_states[key];
    if (state < 0) {
      if (state === (-1)) {
        state = memo.missCode(key);
        if (memo.exhausted) return (-1);
      }
      if (state === (-3)) {
        dynamicFailures.set(row, memo.failure);
        failAt[row] = 1;
        failures += 1;
        continue rows;
      }
    }
    if (!(state === 1)) continue rows;
    const divisor = money[row];
    if (divisor === 0) {
      failAt[row] = 2;
      failures += 1;
      continue rows;
    }
    const quotient = divideRounded(100000000000000000n, bigOf(divisor));
    out_0_i64[row] = quotient;
    const condition = !i_value_null;
    out_1_f64[row] = (condition ? i_value : (-1));
    const key_2 = symbol_codes[row];
    let state_2 = memo_2_states[key_2];
    if (state_2 < 0) {
      if (state_2 === (-1)) {
        state_2 = memo_2.missCode(key_2);
        if (memo_2.exhausted) return (-1);
      }
      if (state_2 === (-3)) {
        dynamicFailures.set(row, memo_2.failure);
        failAt[row] = 1;
        failures += 1;
        continue rows;
      }
    }
    out_2_codes[row] = state_2;
    passing[passed] = row;
    passed += 1;
  }
  report[0] = failures;
  return passed;
}

//# sourceURL=velo-calc-test.js
