#!/usr/bin/env python3
"""Draws a trace (run-model ... --trace trace.json) as a picture: SVG, with nothing but the standard library.

    draw_trace.py trace.json -o trace.svg                 all of it
    draw_trace.py trace.json -o step.svg --steps 3:5      the third to the fifth step
    draw_trace.py trace.json -o load.svg --from 0 --to 12 milliseconds since the trace began

A lane is a thread of a process or a queue of a device; what happened within something is drawn below it.
ui.perfetto.dev shows more; this is for documents.
"""
import argparse
import collections
import html
import json
import re
import sys

# What an op is by its name: the first pattern that is found. Colours: Okabe and Ito, to be told apart by every eye.
KINDS = [
    ("attention", "#d55e00", r"attention|delta_rule"),
    ("linear", "#0072b2", r"linear|matmul|glu"),
    ("norm", "#009e73", r"norm"),
    ("rope", "#cc79a7", r"rope"),
    ("copy, cache, gather", "#e69f00", r"copy|fill|kv_append|embed|take_rows|weight|read weights"),
    ("wait, idle", "#d9d9d9", r"^(wait|idle)$"),
    ("load, compile, prepare", "#8c6bb1", r"load|compile|prepare|open|build|create|canary|placement|probe"),
    ("plan, submit, sample", "#56b4e9", r"^(plan|submit|sample|score)"),
]
OTHER = ("element by element", "#7f7f7f")
HOLDER = ("whole", "#eef1f5")  # what consists of the things that are drawn below it
LIGHT = (HOLDER[1], "#d9d9d9", "#e69f00", "#56b4e9")  # with dark letters

MARGIN = 14
ROW, ROW_GAP, LANE_GAP = 19, 2, 11
FONT = "font-family='DejaVu Sans, Verdana, Helvetica, Arial, sans-serif'"

UNITS = (("s", 1e6), ("ms", 1e3), ("µs", 1), ("ns", 1e-3))

Slice = collections.namedtuple("Slice", "name begin end depth holder args")


def character_width(text, size):
    """An upper estimate: labels must not touch."""
    return sum(0.38 if c in "ijltfr.:,()|' " else 0.92 if c in "mwMW" else 0.66 for c in text) * size


class Trace:
    """The lanes of a file in their order, each with its slices and how deep they are nested."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            trace = json.load(file)
        self.dropped = trace.get("otherData", {}).get("dropped_events", 0)
        names, order, events = {}, {}, collections.defaultdict(list)
        for event in trace["traceEvents"]:
            if event["ph"] == "X":
                events[event["tid"]].append(event)
            elif event["name"] in ("process_name", "thread_name"):
                names.setdefault(event["tid"], {})[event["name"]] = event["args"]["name"]
            elif event["name"] == "thread_sort_index":
                order[event["tid"]] = event["args"]["sort_index"]
        self.lanes = []
        for tid in sorted(events, key=lambda t: order.get(t, t)):
            name = names.get(tid, {})
            self.lanes.append((name.get("process_name", "?"), name.get("thread_name", str(tid)), nest(events[tid])))

    def steps(self):
        return [s for _, _, slices in self.lanes for s in slices if s.name == "step"]

    def end(self):
        return max((s.end for _, _, slices in self.lanes for s in slices), default=0)


def nest(events):
    """The slices of one lane, in order of their begin; one that holds another is a holder."""
    slices, open_ = [], []
    for event in events:
        begin, end = event["ts"], event["ts"] + event["dur"]
        while open_ and slices[open_[-1]].end <= begin + 1e-9:
            open_.pop()
        if open_:
            slices[open_[-1]] = slices[open_[-1]]._replace(holder=True)
        slices.append(Slice(event["name"], begin, end, len(open_), False, event.get("args", {})))
        open_.append(len(slices) - 1)
    return slices


def kind_of(slice_):
    if slice_.holder and slice_.name != "wait":
        return HOLDER
    for name, colour, pattern in KINDS:
        if re.search(pattern, slice_.name):
            return name, colour
    return OTHER


def duration(microseconds):
    unit, size = next((u for u in UNITS if microseconds >= u[1]), UNITS[-1])
    return f"{microseconds / size:.3g} {unit}"


class Picture:
    def __init__(self, trace, begin, end, width, title):
        self.trace, self.begin, self.end, self.width, self.title = trace, begin, end, width, title
        names = [character_width(process, 13) + character_width(thread, 11) for process, thread, _ in trace.lanes]
        self.left = MARGIN + max(names, default=60) + 22
        self.scale = (width - self.left - MARGIN) / (end - begin)
        self.out, self.totals = [], collections.OrderedDict()

    def x(self, time):
        time = min(max(time, self.begin), self.end)
        return self.left + (time - self.begin) * self.scale

    def text(self, x, y, text, size=11, colour="#333", anchor="start", weight="normal"):
        self.out.append(f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' text-anchor='{anchor}' "
                        f"font-weight='{weight}'>{html.escape(text)}</text>")

    def box(self, slice_, top):
        _, colour = kind_of(slice_)
        left, right = self.x(slice_.begin), self.x(slice_.end)
        width = max(right - left, 0.5)
        details = ", ".join(f"{k} {v}" for k, v in slice_.args.items())
        hint = f"{slice_.name}, {duration(slice_.end - slice_.begin)}" + (f" ({details})" if details else "")
        edge = "#c3cad5" if colour == HOLDER[1] else "#fff" if width > 3 else "none"
        self.out.append(f"<rect x='{left:.2f}' y='{top}' width='{width:.2f}' height='{ROW}' fill='{colour}' "
                        f"stroke='{edge}' stroke-width='0.6'><title>{html.escape(hint)}</title></rect>")
        self.name(slice_, left, width, top, "#333" if colour in LIGHT else "#fff")

    def name(self, slice_, left, width, top, colour):
        """As much of name, place and time as fits; nothing rather than a piece."""
        where = slice_.args.get("scope", "")
        tokens = slice_.args.get("tokens", 0)
        long = f"{slice_.name} {where}" if where else f"{slice_.name}, {tokens} tokens" if tokens > 1 else slice_.name
        for text in (f"{long}, {duration(slice_.end - slice_.begin)}", long, slice_.name):
            if character_width(text, 10) + 6 <= width:
                self.text(left + width / 2, top + 13, text, 10, colour, "middle")
                return

    def lanes(self, top):
        process_before = None
        for process, thread, slices in self.trace.lanes:
            seen = [s for s in slices if s.end > self.begin and s.begin < self.end]
            if not seen:
                continue
            rows = max(s.depth for s in seen) + 1
            height = rows * (ROW + ROW_GAP) - ROW_GAP
            if process != process_before:
                top += LANE_GAP
                self.text(MARGIN, top + 13, process, 12, "#111", weight="bold")
            self.text(self.left - 10, top + 13, thread, 11, "#555", "end")
            width = self.x(self.end) - self.left
            self.out.append(f"<rect x='{self.left:.1f}' y='{top}' width='{width:.1f}' height='{height}' "
                            "fill='#fafafa'/>")
            for depth in range(rows):
                for slice_ in self.merged([s for s in seen if s.depth == depth]):
                    self.box(slice_, top + depth * (ROW + ROW_GAP))
            top += height + LANE_GAP
            process_before = process
        return top

    def merged(self, slices):
        """Neighbours that are too narrow to be told apart become one pixel of the kind that took most of its time."""
        out, narrow = [], []

        def end_narrow():
            if narrow:
                times = collections.Counter()
                for one in narrow:
                    times[kind_of(one)] += one.end - one.begin
                most = max(times, key=times.get)
                shown = next(one for one in narrow if kind_of(one) == most)
                out.append(shown._replace(begin=narrow[0].begin, end=narrow[-1].end, args={"count": len(narrow)}))
                narrow.clear()

        for slice_ in slices:
            self.count(slice_)
            if (slice_.end - slice_.begin) * self.scale >= 1:
                end_narrow()
                out.append(slice_)
                continue
            if narrow and (slice_.end - narrow[0].begin) * self.scale > 1:
                end_narrow()
            narrow.append(slice_)
        end_narrow()
        return out

    def count(self, slice_):
        kind = kind_of(slice_)
        if kind != HOLDER:
            self.totals[kind] = self.totals.get(kind, 0) + slice_.end - slice_.begin

    def axis(self, top, bottom):
        step = 1e-3
        for candidate in (m * 10 ** e for e in range(-3, 10) for m in (1, 2, 5)):
            step = candidate
            if candidate * self.scale >= 85:
                break
        unit, size = next((u for u in UNITS if step >= u[1] / 10), UNITS[-1])
        lines, time = [], 0.0
        while time <= self.end - self.begin + 1e-9:
            x = self.x(self.begin + time)
            lines.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{top}' y2='{bottom}' stroke='#dde1e7'/>")
            if x < self.width - MARGIN - 18 or time == 0:
                self.text(x, top - 5, f"{time / size:.4g} {unit}", 10, "#666", "middle")
            time += step
        return lines

    def legend(self, top):
        x = self.left
        for (name, colour), total in sorted(self.totals.items(), key=lambda item: -item[1]):
            text = f"{name} {duration(total)}"
            needed = character_width(text, 11) + 30
            if x + needed > self.width - MARGIN:
                x, top = self.left, top + 20
            self.out.append(f"<rect x='{x:.1f}' y='{top}' width='12' height='12' fill='{colour}'/>")
            self.text(x + 17, top + 10, text, 11)
            x += needed
        return top + 20

    def draw(self):
        top = MARGIN
        if self.title:
            self.text(MARGIN, top + 12, self.title, 14, "#111", weight="bold")
            top += 26
        axis_top = top + 14
        bottom = self.lanes(axis_top)
        grid = self.axis(axis_top, bottom)
        height = self.legend(bottom + 10) + MARGIN
        return "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' width='{self.width}' height='{height}' "
                          f"viewBox='0 0 {self.width} {height}' {FONT}>",
                          "<rect width='100%' height='100%' fill='#fff'/>"] + grid + self.out + ["</svg>\n"])


def window(trace, arguments):
    """Of --steps, --from and --to: microseconds."""
    if arguments.steps:
        first, _, last = arguments.steps.partition(":")
        steps = trace.steps()
        first, last = int(first), int(last or first)
        if not 1 <= first <= last <= len(steps):
            sys.exit(f"draw_trace.py: the trace has {len(steps)} steps; want --steps FIRST[:LAST] among them")
        begin, end = steps[first - 1].begin, steps[last - 1].end
        return begin, end
    begin = arguments.begin * 1e3
    end = trace.end() if arguments.end is None else arguments.end * 1e3
    if not begin < end:
        sys.exit("draw_trace.py: nothing lies between --from and --to")
    return begin, end


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace")
    parser.add_argument("-o", "--output", default="-", help="the SVG file; -: standard output")
    parser.add_argument("--steps", metavar="FIRST[:LAST]", help="only these steps, the first being 1")
    parser.add_argument("--from", dest="begin", type=float, default=0, metavar="MS", help="the beginning")
    parser.add_argument("--to", dest="end", type=float, metavar="MS", help="the end")
    parser.add_argument("--width", type=int, default=1000, metavar="PIXELS")
    parser.add_argument("--title", default="")
    arguments = parser.parse_args()
    trace = Trace(arguments.trace)
    if trace.dropped:
        print(f"draw_trace.py: the trace lacks {trace.dropped} events", file=sys.stderr)
    svg = Picture(trace, *window(trace, arguments), arguments.width, arguments.title).draw()
    if arguments.output == "-":
        sys.stdout.write(svg)
    else:
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write(svg)


if __name__ == "__main__":
    main()
