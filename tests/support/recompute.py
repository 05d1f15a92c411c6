"""Reckons the figures of a site's workbook again, from the CSV of jeton's commands alone, and compares them.

    recompute.py BOOK.xlsx SESSIONS.csv SEATS.csv COVERAGE.csv FIRST LAST ZONE ESTABLISHED

It shares no line with jeton: it reads the workbook with openpyxl, and adds up the rows in its own words. Each figure that
differs is a line; none is nothing.
"""

import collections
import csv
import datetime as dt
import sys
import zoneinfo

import openpyxl

DAY = 86400
HOUR = 3600


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def seconds(value):
    """What a cell says as a time, in seconds."""
    if value is None or value == "":
        return None
    if isinstance(value, dt.timedelta):
        return round(value.total_seconds())
    if isinstance(value, dt.time):
        return value.hour * HOUR + value.minute * 60 + value.second
    if isinstance(value, dt.datetime):
        # openpyxl takes what is longer than a day for a date.
        return round((value - dt.datetime(1899, 12, 30)).total_seconds())
    return round(value * DAY)


class Book:
    def __init__(self, path):
        self.book = openpyxl.load_workbook(path, data_only=True)

    def table(self, sheet, first):
        """The rows below the header whose first cell is this, by their headers."""
        lines = list(self.book[sheet].iter_rows(values_only=True))
        top = next(at for at, line in enumerate(lines) if line[0] == first and line[1] is not None)
        header = [name for name in lines[top] if name is not None]
        found = []
        for line in lines[top + 1 :]:
            if line[0] is None:
                break
            found.append(dict(zip(header, line)))
        return found


class Differences:
    def __init__(self):
        self.n_compared = 0
        self.found = []

    def same(self, what, shown, reckoned, within=0):
        self.n_compared += 1
        is_same = shown == reckoned or (
            within and shown is not None and reckoned is not None and abs(shown - reckoned) <= within
        )
        if not is_same:
            self.found.append(f"{what}: the workbook says {shown!r}, the rows {reckoned!r}")


def used(piece):
    return 0 if piece["state"] == "borrowed" else int(piece["duration_s"])


def group(pieces, key):
    groups = collections.defaultdict(list)
    for piece in pieces:
        groups[piece[key]].append(piece)
    return groups


def sessions_of(pieces):
    return {(p["login"], p["host"], p["initial_start"]) for p in pieces if p["state"] != "borrowed"}


def key_figures(book, pieces, hours, differ):
    page = {line[0]: line[1] for line in book.book["Synthèse"].iter_rows(values_only=True) if line[0]}
    by_name = lambda name: next((value for label, value in page.items() if label.startswith(name)), None)
    differ.same("Heures d’utilisation", seconds(by_name("Heures d’utilisation")), sum(map(used, pieces)), 1)
    differ.same("Sessions", by_name("Sessions"), len(sessions_of(pieces)))
    differ.same("Utilisateurs", by_name("Utilisateurs"), len({piece["login"] for piece in pieces}))
    differ.same("Pic", by_name("Pic de jetons"), max((int(hour["peak"]) for hour in hours), default=0))
    differ.same("Refus réels", by_name("Refus réels"), sum(int(hour["denied_true"]) for hour in hours))
    differ.same("Refus apparents", by_name("Refus apparents"), sum(int(hour["denied_false"]) for hour in hours))
    at_limit = sum(int(hour["at_limit_s"]) for hour in hours)
    differ.same("Temps à la limite", seconds(by_name("Temps à la limite")), at_limit, 1)


def users(book, pieces, differ):
    shown = {line["Utilisateur"]: line for line in book.table("Utilisateurs", "Utilisateur")}
    reckoned = group(pieces, "login")
    differ.same("Utilisateurs: who", sorted(shown), sorted(reckoned))
    for login, own in reckoned.items():
        line = shown.get(login, {})
        differ.same(f"{login}: Postes", line.get("Postes"), len({piece["host"] for piece in own}))
        differ.same(f"{login}: Jours", line.get("Jours"), len({piece["date"] for piece in own}))
        differ.same(f"{login}: Sessions", line.get("Sessions"), len(sessions_of(own)))
        differ.same(f"{login}: Heures", seconds(line.get("Heures")), sum(map(used, own)), 1)


def departments(book, pieces, differ):
    shown = {line["Département"]: line for line in book.table("Départements", "Département")}
    for name, own in group(pieces, "department").items():
        line = shown.get(name or "machines sans département connu", {})
        differ.same(f"{name}: Heures", seconds(line.get("Heures")), sum(map(used, own)), 1)
        differ.same(f"{name}: Sessions", line.get("Sessions"), len(sessions_of(own)))
        differ.same(f"{name}: Utilisateurs", line.get("Utilisateurs"), len({piece["login"] for piece in own}))


def days(book, pieces, hours, differ):
    table = book.table("Par jour", "Date")
    if len({line["Date"] for line in table}) < len(table):
        return  # by hour
    for line in table:
        day = line["Date"].date().isoformat()
        own = [piece for piece in pieces if piece["date"] == day]
        if line["Heures"] is None:
            differ.same(f"{day}: nothing is known, and nothing used", sum(map(used, own)), 0)
            continue
        differ.same(f"{day}: Heures", seconds(line["Heures"]), sum(map(used, own)), 1)
        differ.same(f"{day}: Sessions", line["Sessions"], len(sessions_of(own)))
        if line["Refus réels"] is not None:
            refused = sum(int(hour["denied_true"]) for hour in hours if hour["date"] == day)
            differ.same(f"{day}: Refus réels", line["Refus réels"], refused)


def tokens(book, hours, differ):
    table = book.table("Jetons", "Date") if hours else []
    differ.same("Jetons: lines", len(table), len(hours))
    for line, hour in zip(table, hours):
        what = f"{hour['date']} {hour['hour']} h"
        differ.same(f"{what}: when", (line["Date"].date().isoformat(), line["Heure"]), (hour["date"], int(hour["hour"])))
        if int(hour["known_s"]) > 0:
            differ.same(f"{what}: Pic", line["Pic"], int(hour["peak"]))
            differ.same(f"{what}: Moyenne", line["Moyenne"], float(hour["mean"]), 0.0006)


def week(book, hours, coverage, first, last, zone, established, differ):
    """The mean of each hour of the week, over the hours that are over and known as a whole."""
    known = [(dt.datetime.fromisoformat(s["since"]), dt.datetime.fromisoformat(s["until"])) for s in coverage if s["state"] == "known"]
    known.sort()
    joined = []
    for since, until in known:
        if joined and since <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], until)
        else:
            joined.append([since, until])
    mean = {(hour["date"], int(hour["hour"])): float(hour["mean"]) for hour in hours}
    sums = collections.defaultdict(lambda: [0.0, 0])
    at = dt.datetime.combine(first, dt.time(), zone).astimezone(dt.timezone.utc)
    end = min(dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), zone), established)
    # Each civil hour once, the repeated one of an autumn night as two hours.
    civil = collections.OrderedDict()
    while at < end:
        local = at.astimezone(zone)
        civil.setdefault((local.date(), local.hour), []).append(at)
        at += dt.timedelta(hours=1)
    for (date, hour), begins in civil.items():
        begin, until = begins[0], begins[-1] + dt.timedelta(hours=1)
        if until > end or not any(since <= begin and until <= to for since, to in joined):
            continue
        length = (until - begin).total_seconds()
        cell = sums[date.weekday(), hour]
        cell[0] += mean.get((date.isoformat(), hour), 0.0) * length
        cell[1] += length
    lines = list(book.book["Semaine"].iter_rows(values_only=True))
    top = next(at for at, line in enumerate(lines) if line[0] == "Jour")
    for weekday, line in enumerate(lines[top + 1 : top + 8]):
        for hour in range(24):
            taken, time = sums[weekday, hour]
            reckoned = taken / time if time else "–"
            shown = line[hour + 1]
            if shown is None:
                differ.same(f"Semaine {weekday} {hour} h", time > 0 and reckoned < 0.051, True)
            else:
                differ.same(f"Semaine {weekday} {hour} h", shown, reckoned, 0.0 if shown == "–" else 0.001)


def main():
    path, sessions, seats, coverage, first, last, zone, established = sys.argv[1:]
    first, last, zone = dt.date.fromisoformat(first), dt.date.fromisoformat(last), zoneinfo.ZoneInfo(zone)
    book, differ = Book(path), Differences()
    pieces, hours = rows(sessions), rows(seats)
    key_figures(book, pieces, hours, differ)
    users(book, pieces, differ)
    departments(book, pieces, differ)
    days(book, pieces, hours, differ)
    tokens(book, hours, differ)
    week(book, hours, rows(coverage), first, last, zone, dt.datetime.fromisoformat(established), differ)
    for difference in differ.found:
        print(difference)
    print(f"{differ.n_compared} figures, {len(differ.found)} differ")
    sys.exit(1 if differ.found else 0)


main()
