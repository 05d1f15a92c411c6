"""Opens workbooks in LibreOffice, recalculates them from scratch, and prints what it sees: a JSON object per workbook.

python3 office.py FILE...

Run it with the Python that has LibreOffice's bridge (Debian's python3-uno).
"""

import contextlib
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException

FORMULAS = 16  # com.sun.star.sheet.CellFlags.FORMULA


def connect(pipe, office):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    for _ in range(600):
        try:
            context = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
            return context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        except NoConnectException:
            if office.poll() is not None:
                sys.exit("soffice ended before it answered")
            time.sleep(0.1)
    sys.exit("soffice does not answer")


def formulas(sheet):
    """Every formula by its cell, with what it says after a hard recalculation."""
    found = []
    cells = sheet.queryContentCells(FORMULAS).getCells().createEnumeration()
    while cells.hasMoreElements():
        cell = cells.nextElement()
        at = cell.CellAddress
        found.append({
            "row": at.Row,
            "column": at.Column,
            "formula": cell.Formula,
            "value": cell.Value,
            "error": cell.getError(),
        })
    return found


def charts(sheet):
    """Every chart: its titles, what it draws, and what it says to those who cannot see it."""
    described = {}
    for index in range(sheet.DrawPage.Count):
        shape = sheet.DrawPage.getByIndex(index)
        described[getattr(shape, "PersistName", None)] = (shape.Title, shape.Description)
    found = []
    for index in range(sheet.Charts.Count):
        chart = sheet.Charts.getByIndex(index)
        document = chart.EmbeddedObject
        series = []
        for system in document.FirstDiagram.CoordinateSystems:
            for kind in system.ChartTypes:
                for one in kind.DataSeries:
                    for sequence in one.DataSequences:
                        label = sequence.Label
                        series.append({
                            "kind": kind.ChartType.rsplit(".", 1)[-1],
                            "name": " ".join(label.getTextualData()) if label else "",
                            "values": [None if math.isnan(value) else value for value in sequence.Values.getNumericalData()],
                        })
        title, description = described.get(chart.Name, ("", ""))
        found.append({
            "title": document.Title.String if document.HasMainTitle else "",
            "alternative": title,
            "description": description,
            "series": series,
        })
    return found


def look(desktop, path):
    hidden = PropertyValue(Name="Hidden", Value=True)
    document = desktop.loadComponentFromURL(pathlib.Path(path).absolute().as_uri(), "_blank", 0, (hidden,))
    if document is None:
        sys.exit(f"LibreOffice does not open {path}")
    document.calculateAll()
    controller = document.CurrentController
    sheets = []
    for sheet in document.Sheets:
        controller.setActiveSheet(sheet)
        sheets.append({
            "name": sheet.Name,
            "formulas": formulas(sheet),
            "charts": charts(sheet),
            "frozen": controller.hasFrozenPanes(),
        })
    seen = {
        "file": path,
        "sheets": sheets,
        "filters": len(filtered(document)),
        "names": sorted(document.NamedRanges.ElementNames),
        "title": document.DocumentProperties.Title,
    }
    document.close(False)
    return seen


def filtered(document):
    """Every range with filter buttons, those that no name was given to too."""
    named = [document.DatabaseRanges.getByName(name) for name in document.DatabaseRanges.ElementNames]
    unnamed = document.getPropertyValue("UnnamedDatabaseRanges")
    others = [unnamed.getByTable(index) for index in range(document.Sheets.Count) if unnamed.hasByTable(index)]
    return [area for area in named + others if area.AutoFilter]


def main(paths):
    with tempfile.TemporaryDirectory() as profile:
        pipe = pathlib.Path(profile).name
        # In a group of its own: soffice is a script, and what it starts outlives it.
        office = subprocess.Popen(
            [
                "soffice",
                f"-env:UserInstallation=file://{profile}",
                "--headless",
                "--norestore",
                f"--accept=pipe,name={pipe};urp;",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            desktop = connect(pipe, office)
            for path in paths:
                print(json.dumps(look(desktop, path)), flush=True)
            desktop.terminate()
            office.wait(timeout=30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(office.pid, signal.SIGKILL)


main(sys.argv[1:])
