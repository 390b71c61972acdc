#!/usr/bin/env python3
"""Draws what sweep.sh kept (a line of `run-model bench --json` a run) as a picture: SVG, with nothing but the standard library.

    draw_bench.py speeds.jsonl -o speeds.svg

Above: decoding as a share of the measured read bandwidth and prompts as a share of the vector peak, by weight type.
Below: tokens a second of several sequences together, against that of one.
"""
import argparse
import html
import json
import sys

WIDTH, MARGIN, LABEL, BAR, GAP = 760, 14, 90, 15, 9
FONT = "font-family='DejaVu Sans, Verdana, Helvetica, Arial, sans-serif'"
# Okabe and Ito, to be told apart by every eye.
PREFILL, DECODE, BATCH = "#0072b2", "#d55e00", "#009e73"


class Picture:
    def __init__(self):
        self.parts, self.y = [], MARGIN

    def text(self, x, y, words, size=12, anchor="start", colour="#222"):
        self.parts.append(
            f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' fill='{colour}'>"
            f"{html.escape(words)}</text>")

    def title(self, words):
        self.y += 16
        self.text(MARGIN, self.y, words, 14)
        self.y += 12

    # One bar from the left edge; `most` is the value at the right end of the scale.
    def bar(self, value, most, words, colour):
        room = WIDTH - LABEL - 2 * MARGIN - 190
        length = max(1.0, room * value / most)
        self.parts.append(
            f"<rect x='{LABEL + MARGIN}' y='{self.y:.1f}' width='{length:.1f}' height='{BAR}' rx='2' fill='{colour}'/>")
        self.text(LABEL + MARGIN + length + 6, self.y + BAR - 3.5, words, 11)
        self.y += BAR + 1

    def label(self, words, bars):
        self.text(LABEL + MARGIN - 8, self.y + (bars * (BAR + 1)) / 2 + 4, words, 12, "end")

    # A line at `value` over what was drawn since `top`.
    def rule(self, value, most, top):
        room = WIDTH - LABEL - 2 * MARGIN - 190
        x = LABEL + MARGIN + room * value / most
        self.parts.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{top:.1f}' y2='{self.y:.1f}' stroke='#888' "
                          "stroke-dasharray='4 3'/>")

    def svg(self):
        height = self.y + MARGIN
        return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height:.0f}' "
                f"viewBox='0 0 {WIDTH} {height:.0f}' {FONT}>\n<rect width='100%' height='100%' fill='white'/>\n"
                + "\n".join(self.parts) + "\n</svg>\n")


def share_of_peak(run):
    prefill = run.get("prefill", {})
    return prefill.get("share_of_int8_peak", prefill.get("share_of_float_peak", 0.0))


def draw_types(picture, runs):
    picture.title("Share of the machine's limit, by weight type")
    most = max(1.0, *(share_of_peak(r) for r in runs), *(r["decode"]["share_of_read_bandwidth"] for r in runs))
    top = picture.y
    for run in runs:
        picture.label(run["model"].rsplit(":", 1)[-1], 2)
        peak = share_of_peak(run)
        picture.bar(peak, most, f"{100 * peak:.0f} % of peak, {run['prefill']['tokens_per_s']:.0f} tok/s", PREFILL)
        decode = run["decode"]
        share = decode["share_of_read_bandwidth"]
        picture.bar(share, most, f"{100 * share:.0f} % of reads, {decode['tokens_per_s']:.1f} tok/s", DECODE)
        picture.y += GAP
    picture.rule(1.0, most, top)
    for colour, words in ((PREFILL, "prompts, of the best vector instruction"), (DECODE, "decoding, of reads")):
        picture.parts.append(f"<rect x='{LABEL + MARGIN}' y='{picture.y:.1f}' width='12' height='12' fill='{colour}'/>")
        picture.text(LABEL + MARGIN + 18, picture.y + 10, words, 11)
        picture.y += 17


def draw_batches(picture, runs):
    one = next(r for r in runs if r["batch"] == 1)["decode"]["tokens_per_s"]
    picture.title(f"Sequences that decode together, {runs[0]['model'].rsplit(':', 1)[-1]}")
    most = max(r["decode"]["tokens_per_s"] for r in runs)
    for run in runs:
        speed = run["decode"]["tokens_per_s"]
        picture.label(str(run["batch"]), 1)
        picture.bar(speed, most, f"{speed:.0f} tok/s, {speed / one:.1f} × one", BATCH)
        picture.y += GAP / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", help="a line of JSON a run")
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    with open(args.runs, encoding="utf-8") as lines:
        runs = [json.loads(line) for line in lines if line.strip()]
    # The first run of a model is that of its type; what follows in other batches is compared among itself.
    types, batches, seen = [], [], set()
    for run in runs:
        first = run["model"] not in seen
        seen.add(run["model"])
        (types if first else batches).append(run)
    if not types:
        sys.exit(f"{args.runs} holds no runs")
    picture = Picture()
    draw_types(picture, types)
    if any(run["batch"] == 1 for run in batches):
        picture.y += GAP
        draw_batches(picture, batches)
    with open(args.output, "w", encoding="utf-8") as out:
        out.write(picture.svg())


if __name__ == "__main__":
    main()
