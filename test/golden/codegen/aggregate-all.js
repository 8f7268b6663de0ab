return function kernel(state, batch, rows, slots, from, to, end, results) {
  const cells = state.table.first;
  const column2 = batch.columns[2];
  const values2 = column2.values;
  const column3 = batch.columns[3];
  const nulls3 = column3.nulls;
  const values3 = column3.values;
  const column4 = batch.columns[4];
  const values4 = column4.values;
  const result0 = results.columns[0].codes;
  const result1 = results.columns[1].codes;
  const result2 = results.columns[2].values;
  const result3 = results.columns[3].values;
  const result4 = results.columns[4].values;
  const result5 = results.columns[5].values;
  const origins = results.origins;
  const opsOut = results.ops;
  let at = results.rowCount;
  let widened = false;
  let present = state.present;
  let fixed = results.fixedUntil(state, present, at);
  for (let i = from; i < to; i += 1) {
    const row = rows[i];
    const slot = slots[i];
    const base = slot * 12;
    const size = slot < present ? present : slot + 1;
    if (at + size > 4096) {
      results.rowCount = at;
      state.present = present;
      return i;
    }
    cells[base + 2] += 1;
    {
      const value = values2[row];
      const before = cells[base + 4];
      const after = before + value;
      const part = after - before;
      cells[base + 4] = after;
      cells[base + 5] += before - (after - part) + (value - part);
    }
    if (!(nulls3[row] === 1)) {
      {
        const value = values3[row];
        const sum = cells[base + 7] + value;
        if (sum >= (-9007199254740991) && sum <= 9007199254740991) cells[base + 7] = sum;
        else spill(cells, base + 7, value);
      }
    } else {
      cells[base + 6] += 1;
    }
    {
      const value = values4[row];
      const before = cells[base + 10];
      const after = before + value;
      const part = after - before;
      cells[base + 10] = after;
      cells[base + 11] += before - (after - part) + (value - part);
    }
    const source = at - present;
    if (at + size <= fixed && results.rest === 0) {
      if (present < 40) {
        for (let to = at, from = source; from < at; from += 1, to += 1) {
          result2[to] = result2[from];
          result3[to] = result3[from];
          result4[to] = result4[from];
          result5[to] = result5[from];
          origins[to] = row;
        }
      } else {
        result2.copyWithin(at, source, at);
        result3.copyWithin(at, source, at);
        result4.copyWithin(at, source, at);
        result5.copyWithin(at, source, at);
        origins.fill(row, at, at + present);
      }
    } else {
      if (present < 40) {
        for (let to = at, from = source; from < at; from += 1, to += 1) {
          result0[to] = result0[from];
          result1[to] = result1[from];
          result2[to] = result2[from];
          result3[to] = result3[from];
          result4[to] = result4[from];
          result5[to] = result5[from];
          origins[to] = row;
          opsOut[to] = 2;
        }
      } else {
        result0.copyWithin(at, source, at);
        result1.copyWithin(at, source, at);
        result2.copyWithin(at, source, at);
        result3.copyWithin(at, source, at);
        result4.copyWithin(at, source, at);
        result5.copyWithin(at, source, at);
        origins.fill(row, at, at + present);
        opsOut.fill(2, at, at + present);
      }
      if (results.rest !== 0) results.copyRest(source, at, present);
      fixed = results.extend(state, present, size, at);
    }
    if (slot >= present) origins[at + slot] = row;
    const changed = at + slot;
    let failed = 0;
    if (results.rest !== 0) results.clearRow(changed, slot < present ? 2 : 0);
    if (slot >= present) {
      {
        const cell = cells[base + 0];
        if (cell === Infinity) {
          results.setNull(0, changed);
        } else {
          result0[changed] = cell;
        }
      }
      {
        const cell = cells[base + 1];
        if (cell === Infinity) {
          results.setNull(1, changed);
        } else {
          result1[changed] = cell;
        }
      }
      opsOut[changed] = 2;
      present = slot + 1;
    }
    {
      const count = cells[base + 2];
      result2[changed] = count;
    }
    {
      const count = cells[base + 2] - cells[base + 3];
      {
        const value = (cells[base + 4] + cells[base + 5]) / count;
        result3[changed] = value;
        if (!(value >= (-1.7976931348623157e+308) && value <= 1.7976931348623157e+308)) failed = 2;
      }
    }
    {
      const count = cells[base + 2] - cells[base + 6];
      if (count === 0) {
        results.setNull(4, changed);
      } else {
        {
          if (cells[base + 8] === 0) {
            result4[changed] = cells[base + 7];
          } else {
            results.rowCount = at + size;
            const outcome = sum2(results, 4, changed, cells, base + 7, count);
            if (outcome === 1) widened = true;
            else if (outcome === 2) failed = 3;
          }
        }
      }
    }
    {
      const count = cells[base + 2] - cells[base + 9];
      {
        const value = cells[base + 10] + cells[base + 11];
        result5[changed] = value;
        if (!(value >= (-1.7976931348623157e+308) && value <= 1.7976931348623157e+308)) failed = 4;
      }
    }
    if (failed !== 0) results.fail(changed, row, messages[failed - 1], true);
    at += size;
    if (widened) {
      state.present = present;
      results.rowCount = at;
      return i + 1;
    }
  }
  state.present = present;
  results.rowCount = at;
  return to;
}
