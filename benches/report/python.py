"""Writes rows as a spreadsheet with a Python library, and prints the seconds that it takes.

python3 python.py xlsxwriter|xlsxwriter-constant|odfpy ROWS.csv OUT

The rows are read before the clock starts. Cells have the types that jeton gives them: dates, times, durations, numbers,
text.
"""

import csv
import datetime
import resource
import sys
import time

EPOCH = datetime.datetime(1899, 12, 30)
DATE, CLOCK, LENGTH, MOMENT, NUMBER = 0, (4, 5), 6, 8, 12


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    return lines[0], [typed(line) for line in lines[1:]]


def typed(line):
    day = datetime.datetime.fromisoformat(line[DATE])
    line[DATE] = day
    for column in (*CLOCK, MOMENT):
        line[column] = datetime.datetime.fromisoformat(line[column]).replace(tzinfo=None)
    line[LENGTH] = int(line[LENGTH])
    line[NUMBER] = int(line[NUMBER]) if line[NUMBER] else None
    return line


def serial(at):
    return (at - EPOCH).total_seconds() / 86400


def xlsxwriter(header, lines, out, constant):
    import xlsxwriter as library

    book = library.Workbook(out, {"constant_memory": constant})
    sheet = book.add_worksheet("Sessions")
    line = {"font_name": "Arial", "font_size": 10, "bottom": 1}
    plain = book.add_format(line)
    formats = {
        column: book.add_format({**line, "num_format": shown})
        for column, shown in [
            (DATE, "dd/mm/yyyy"),
            (CLOCK[0], "hh:mm:ss"),
            (CLOCK[1], "hh:mm:ss"),
            (LENGTH, "[hh]:mm:ss"),
            (MOMENT, "dd/mm/yyyy hh:mm"),
            (NUMBER, "0"),
        ]
    }
    for column, title in enumerate(header):
        sheet.write_string(0, column, title, plain)
    for row, cells in enumerate(lines, 1):
        for column, cell in enumerate(cells):
            how = formats.get(column, plain)
            if column in (DATE, *CLOCK, MOMENT):
                sheet.write_number(row, column, serial(cell), how)
            elif column == LENGTH:
                sheet.write_number(row, column, cell / 86400, how)
            elif column == NUMBER and cell is not None:
                sheet.write_number(row, column, cell, how)
            elif not cell:
                sheet.write_blank(row, column, None, how)
            else:
                sheet.write_string(row, column, cell, how)
    book.close()


def odfpy(header, lines, out):
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.table import Table, TableCell, TableRow
    from odf.text import P

    def cell(shown, **attributes):
        made = TableCell(**attributes)
        made.addElement(P(text=shown))
        return made

    def made(column, value):
        if column in (DATE, *CLOCK, MOMENT):
            text = value.isoformat()
            return cell(text, valuetype="date", datevalue=text)
        if column == LENGTH:
            text = f"PT{value // 3600}H{value // 60 % 60}M{value % 60}S"
            return cell(text, valuetype="time", timevalue=text)
        if value is None or value == "":
            return TableCell()
        if column == NUMBER:
            return cell(str(value), valuetype="float", value=value)
        return cell(value, valuetype="string")

    book = OpenDocumentSpreadsheet()
    table = Table(name="Sessions")
    for line in [header]:
        row = TableRow()
        for title in line:
            row.addElement(cell(title, valuetype="string"))
        table.addElement(row)
    for line in lines:
        row = TableRow()
        for column, value in enumerate(line):
            row.addElement(made(column, value))
        table.addElement(row)
    book.spreadsheet.addElement(table)
    book.save(out)


def main():
    library, path, out = sys.argv[1:]
    header, lines = rows(path)
    began = time.perf_counter()
    if library == "odfpy":
        odfpy(header, lines, out)
    else:
        xlsxwriter(header, lines, out, library.endswith("-constant"))
    seconds = time.perf_counter() - began
    print(f"{seconds:.3f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")


main()
