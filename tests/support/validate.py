"""Validates workbooks, and prints what is wrong with them: nothing where all is well.

target/validators/bin/python validate.py FILE...

XLSX: against the schemas of ECMA-376 and the rules around them (openxml-audit), and read by openpyxl. ODS: every part,
those of the charts too, against the schemas of ODF 1.3 (OASIS's own, which openxml-audit brings), and by its rules.
"""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

import openpyxl
import openxml_audit
from lxml import etree

# What openxml-audit 0.8 finds where nothing is wrong: it looks for the folder of an object among the files of the package.
FALSE = [r"Frame child references 'Object \d+' which is not present in the package"]
SCHEMAS = pathlib.Path(openxml_audit.__file__).parent / "odf" / "schemas" / "odf-1.3"
DOCUMENT = "OpenDocument-v1.3-schema.rng"
MANIFEST = "OpenDocument-v1.3-manifest-schema.rng"
EXTENSION = "urn:org:documentfoundation:names:experimental"
MIMETYPE = b"application/vnd.oasis.opendocument.spreadsheet"


def audited(path, version):
    """The errors of openxml-audit."""
    audit = os.path.join(os.path.dirname(sys.executable), "openxml-audit")
    done = subprocess.run([audit, "-f", version, "-o", "json", "-m", "0", path], capture_output=True, check=False)
    for file in json.loads(done.stdout):
        for error in file["errors"]:
            text = error["description"]
            if error.get("severity") != "warning" and not any(re.fullmatch(known, text) for known in FALSE):
                yield f"{error.get('part')}: {text}"


def without_extensions(tree):
    """A document without LibreOffice's own attributes, which a valid extended document may have (ODF 1.3 part 3, 2.3)."""
    for element in tree.iter():
        for name in list(element.attrib):
            if name.startswith("{" + EXTENSION):
                del element.attrib[name]
    return tree


@functools.cache
def schema(name):
    return etree.RelaxNG(etree.parse(SCHEMAS / name))


def odf(path):
    package = zipfile.ZipFile(path)
    names = package.namelist()
    first = package.infolist()[0]
    if (first.filename, first.compress_type, package.read(first)) != ("mimetype", zipfile.ZIP_STORED, MIMETYPE):
        yield "the package does not begin with its type, uncompressed"
    manifest = etree.fromstring(package.read("META-INF/manifest.xml"))
    listed = {entry.get(next(iter(entry.keys())).split("}")[0] + "}full-path") for entry in manifest}
    for name in names:
        if not name.endswith("/") and name != "mimetype" and not name.startswith("META-INF/") and name not in listed:
            yield f"{name} is not in the manifest"
    for name in listed - {"/"}:
        if not name.endswith("/") and name not in names:
            yield f"{name} is in the manifest, and not in the package"
    for name in names:
        if name.endswith(".xml"):
            rules = schema(MANIFEST if name.startswith("META-INF/") else DOCUMENT)
            if not rules.validate(without_extensions(etree.fromstring(package.read(name)))):
                yield from (f"{name}: {error.message}" for error in list(rules.error_log)[:10])
    yield from audited(path, "odf1.3")


def ooxml(path):
    workbook = openpyxl.load_workbook(path)
    if not workbook.sheetnames or any(sheet.max_row < 1 for sheet in workbook.worksheets):
        yield "openpyxl finds no sheet or no row"
    if not any(sheet.tables for sheet in workbook.worksheets):
        yield "openpyxl finds no table"
    yield from audited(path, "office2021")


for file in sys.argv[1:]:
    for wrong in (odf if file.endswith(".ods") else ooxml)(file):
        print(f"{file}: {wrong}")
