return function kernel(state, batch, rows, slots, from, to, end, results) {
  const cells = state.table.first;
  const column2 = batch.columns[2];
  const values2 = column2.values;
  const column3 = batch.columns[3];
  const nulls3 = column3.nulls;
  const values3 = column3.values;
  const column4 = batch.columns[4];
  const values4 = column4.values;
  for (let i = from; i < to; i += 1) {
    const row = rows[i];
    const slot = slots[i];
    const base = slot * 12;
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
  }
  return to;
}
