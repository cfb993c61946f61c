/** Tables sort by a click on a heading, or by the keyboard. */
export function makeSortable(table: HTMLTableElement): void {
  const body = table.tBodies[0];
  if (!body) return;
  [...table.querySelectorAll('thead th')].forEach((heading, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener('click', () => {
      const descending = heading.getAttribute('aria-sort') === 'ascending';
      for (const other of table.querySelectorAll('th[aria-sort]')) other.removeAttribute('aria-sort');
      heading.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      const rows = [...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], descending));
      body.replaceChildren(...rows);
    });
  });
}

/** What is empty comes last in either order. */
function compare(a: HTMLTableCellElement | undefined, b: HTMLTableCellElement | undefined, descending: boolean): number {
  const [left, right] = [keyOf(a), keyOf(b)];
  if (left === '' || right === '') return Number(left === '') - Number(right === '');
  const by =
    typeof left === 'number' && typeof right === 'number'
      ? left - right
      : String(left).localeCompare(String(right), 'en', { numeric: true });
  return descending ? -by : by;
}

function keyOf(cell: HTMLTableCellElement | undefined): string | number {
  const number = cell?.dataset.sort;
  if (number !== undefined && number !== '') return Number(number);
  return number ?? cell?.textContent.trim() ?? '';
}
