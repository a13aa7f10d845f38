import type { ComponentChildren } from "preact";

export interface Column<T> {
  key: string;
  head: string;
  cell: (row: T) => ComponentChildren;
  /** The row's name; stands out when rows become cards on a narrow screen. */
  lead?: boolean;
  /** Aligned to the end: the row's actions. */
  end?: boolean;
}

export function Table<T>(props: { caption: string; columns: Column<T>[]; rows: T[]; rowKey: (row: T) => string; rowTestid?: (row: T) => string }) {
  return (
    <table class="table">
      <caption class="hidden-visually">{props.caption}</caption>
      <thead>
        <tr>
          {props.columns.map((column) => (
            <th key={column.key} scope="col">{column.end ? <span class="hidden-visually">{column.head}</span> : column.head}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row) => (
          <tr key={props.rowKey(row)} data-testid={props.rowTestid?.(row)}>
            {props.columns.map((column) => (
              <td key={column.key} data-label={column.head} class={column.end ? "cell-end" : column.lead ? "cell-lead" : undefined}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
