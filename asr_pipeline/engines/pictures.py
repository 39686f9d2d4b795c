"""Small pictures for the UI, as PNG bytes: the only importer of Pillow.

They are kept with each event, and the UI shows a picture in place only where its Markdown has under 1,000 characters:
two or a few colours, no smoothing.
"""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor, ImageDraw

WAVE, BARS, AXIS, BACKGROUND = "#3b6ea5", "#4f8f6b", "#c8ccd2", "#ffffff"
HISTOGRAM_BINS = 10
COLOURS = 4


def waveform_png(waveform: Sequence[tuple[float, float]], *, width: int = 300, height: int = 60) -> bytes:
    """Draw (lowest, highest) pairs, as fractions of full scale, as one column each, stretched to `width` pixels."""
    middle = height / 2
    pairs = np.array(waveform or [(0.0, 0.0)])
    low, high = pairs[np.arange(width) * len(pairs) // width].T
    row = np.arange(height)[:, np.newaxis]
    drawn = (row >= np.floor(middle - high * middle)) & (row <= middle - low * middle) | (row == int(middle))
    picture = Image.fromarray(drawn.astype(np.uint8)).convert("P")
    picture.putpalette([*ImageColor.getrgb(BACKGROUND), *ImageColor.getrgb(WAVE)])
    return _png(picture)


def confidence_histogram_png(confidences: Sequence[float], *, width: int = 300, height: int = 90) -> bytes:
    """Draw how many words have a confidence in each tenth from 0 to 1."""
    counts = [0] * HISTOGRAM_BINS
    for confidence in confidences:
        counts[min(HISTOGRAM_BINS - 1, int(confidence * HISTOGRAM_BINS))] += 1
    picture = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    bar_px, tallest = width / HISTOGRAM_BINS, max([*counts, 1])
    for index, count in enumerate(counts):
        top = height - 1 - count / tallest * (height - 4)
        draw.rectangle((index * bar_px + 1, top, (index + 1) * bar_px - 2, height - 1), fill=BARS)
    draw.line((0, height - 1, width, height - 1), fill=AXIS)
    return _png(picture.quantize(COLOURS))


def trend_png(values: Sequence[float | None], *, width: int = 300, height: int = 60) -> bytes:
    """Draw values from 0 to 1, one a day, as a line; a day without a value leaves a gap."""
    picture = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    draw.line((0, height - 1, width, height - 1), fill=AXIS)
    step_px = width / max(1, len(values) - 1)
    points = [None if v is None else (i * step_px, height - 3 - v * (height - 6)) for i, v in enumerate(values)]
    for point, following in zip(points, [*points[1:], None], strict=True):
        if point is not None:
            draw.ellipse((point[0] - 2, point[1] - 2, point[0] + 2, point[1] + 2), fill=WAVE)
        if point is not None and following is not None:
            draw.line((*point, *following), fill=WAVE, width=2)
    return _png(picture.quantize(COLOURS))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", bits=1 if picture.getextrema()[1] == 1 else 2)
    return buffer.getvalue()
