"""A plot as SVG: few lines over few points, the same text for the same plot, readable on white and on black."""

from __future__ import annotations

import math
from html import escape

from .model import Line, Plot

_WIDTH, _HEIGHT = 640, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 44, 78
_COLOURS = ("#2f7d63", "#3465a4", "#b98900", "#b5495b", "#6b4fa0")
_STYLE = """\
  <style>
    text { fill: #1d2733 } .small { font-size: 12px; fill: #4a5968 } .head { font-weight: 600 }
    .grid { stroke: #c3ccd6; stroke-width: 0.7 } .axis { stroke: #3b4a5a } .line { fill: none; stroke-width: 2 }
    .ground { fill: #ffffff }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .small { fill: #a9b6c2 } .grid { stroke: #33404d } .axis { stroke: #a9b6c2 }
      .ground { fill: #12181f }
    }
  </style>"""


def draw(plot: Plot) -> str:
    """The picture's text."""
    points = [point for line in plot.lines for point in line.points]
    xs, ys = ticks(max(x for x, _ in points)), ticks(max(y for _, y in points))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
        f' role="img" aria-label="{escape(plot.title)}" font-family="system-ui, sans-serif" font-size="14">',
        _STYLE,
        f'  <rect class="ground" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>',
        _text(_LEFT, 26, plot.title, "head"),
    ]
    for tick in ys:
        y = _down(tick, ys)
        lines += [
            f'  <path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>',
            _text(_LEFT - 8, y + 4, _label(tick), "small", "end"),
        ]
    for tick in xs:
        lines.append(_text(_right(tick, xs), _HEIGHT - _BOTTOM + 18, _label(tick), "small", "middle"))
    lines += [
        f'  <path class="axis" fill="none" d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}"/>',
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - _BOTTOM + 38, plot.x, "small", "middle"),
        f'  <text class="small" text-anchor="middle" transform="translate(16 {(_TOP + _HEIGHT - _BOTTOM) / 2:.1f})'
        f' rotate(-90)">{escape(plot.y)}</text>',
    ]
    at = float(_LEFT)
    for number, line in enumerate(plot.lines):
        colour = _COLOURS[number % len(_COLOURS)]
        lines += _curve(line, colour, xs, ys)
        lines += [
            f'  <path class="line" stroke="{colour}"{_dash(line)} d="M{at:.1f} {_HEIGHT - 16}h22"/>',
            _text(at + 28, _HEIGHT - 12, line.label, "small"),
        ]
        at += 28 + 6.6 * len(line.label) + 20
    return "\n".join([*lines, "</svg>"]) + "\n"


def ticks(top: float, wanted: int = 5) -> list[float]:
    """Round numbers from 0 to the first that reaches ``top``, about ``wanted`` steps."""
    if top <= 0:
        return [0.0, 1.0]
    raw = top / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * (1 - 1e-9))
    count = math.ceil(top / step - 1e-9)
    return [round(step * number, 12) for number in range(count + 1)]


def _curve(line: Line, colour: str, xs: list[float], ys: list[float]) -> list[str]:
    if not line.points:
        return []
    places = [(_right(x, xs), _down(y, ys)) for x, y in line.points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    drawn = [f'  <path class="line" stroke="{colour}"{_dash(line)} d="M{path}"/>']
    if not line.dashed:
        drawn += [f'  <circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return drawn


def _right(x: float, xs: list[float]) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * x / xs[-1]


def _down(y: float, ys: list[float]) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * y / ys[-1]


def _dash(line: Line) -> str:
    return ' stroke-dasharray="5 4"' if line.dashed else ""


def _label(tick: float) -> str:
    return f"{tick:,.0f}" if float(tick).is_integer() else f"{tick:g}"


def _text(x: float, y: float, text: str, style: str, anchor: str = "") -> str:
    where = f' text-anchor="{anchor}"' if anchor else ""
    return f'  <text class="{style}" x="{x:.1f}" y="{y:.1f}"{where}>{escape(text)}</text>'
