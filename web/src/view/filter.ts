/**
 * What a person types to find objects: `voxels > 1000`, `doubt >= 0.5 touches_border = false`, `12, 15`, or words of a text.
 * Conditions count together; numbers of objects, one or the other.
 */
import type { Cell } from "./contract.js";

export type Test = (row: Cell[]) => boolean;

/** A filter that makes no sense; the message is for the person. */
export class FilterError extends Error {}

const CONDITION = /([a-z_][a-z0-9_]*)\s*(<=|>=|!=|<|>|=)\s*("[^"]*"|[^\s,]+)/gi;

export function parseFilter(text: string, columns: string[]): Test {
  const tests: Test[] = [];
  const words = text.replace(CONDITION, (_, name: string, sign: string, value: string) => {
    tests.push(condition(columnOf(name, columns), sign, value.replace(/^"|"$/g, "")));
    return " ";
  });
  const rest = words.split(/[\s,]+/).filter((word) => word !== "" && word.toLowerCase() !== "and");
  const broken = rest.find((word) => /[<>=!]/.test(word));
  if (broken !== undefined) throw new FilterError(`cannot read "${broken}": try voxels > 1000`);
  const ids = new Set(rest.filter((word) => /^\d+$/.test(word)).map(Number));
  const id = columns.indexOf("id");
  if (ids.size > 0) tests.push((row) => ids.has(Number(row[id])));
  for (const word of rest.filter((each) => !/^\d+$/.test(each))) tests.push(contains(word.toLowerCase()));
  return (row) => tests.every((test) => test(row));
}

/** A column by its name, or by the beginning of it. */
function columnOf(name: string, columns: string[]): number {
  const wanted = name.toLowerCase();
  const exact = columns.indexOf(wanted);
  const found = exact >= 0 ? exact : columns.findIndex((column) => column.startsWith(wanted));
  if (found < 0) throw new FilterError(`there is no column "${name}": try ${columns.slice(1, 5).join(", ")}`);
  return found;
}

function condition(column: number, sign: string, value: string): Test {
  const number = value === "true" ? 1 : value === "false" ? 0 : Number(value);
  if (Number.isNaN(number)) {
    if (sign !== "=" && sign !== "!=") throw new FilterError(`"${value}" is no number`);
    return (row) => (String(row[column]).toLowerCase() === value.toLowerCase()) === (sign === "=");
  }
  return (row) => {
    const cell = row[column];
    return cell !== null && cell !== undefined && holds(Number(cell), sign, number);
  };
}

function holds(cell: number, sign: string, value: number): boolean {
  switch (sign) {
    case "<":
      return cell < value;
    case "<=":
      return cell <= value;
    case ">":
      return cell > value;
    case ">=":
      return cell >= value;
    case "=":
      return cell === value;
    default:
      return cell !== value;
  }
}

function contains(word: string): Test {
  return (row) => row.some((cell) => typeof cell === "string" && cell.toLowerCase().includes(word));
}
