"""A network's forward pass as plain loops, for a page: numba compiles them to WebAssembly in some kilobytes.

A program is a list of operations over one array of numbers, float32: a row has the operation's number and up to 15 integers,
which are places in the numbers, places in the weights, and sizes. `agents.web.program` writes it from a network of torch.
"""

import math

import numpy as np

from games.core import engine_jit
from games.engine.cache import compiled

WIDTH = 16  # integers of a row
END, BYTES, NORMALIZE, DENSE, CONVOLVE, POOL, CLIP, TANH, ADD, LSTM, DUEL, AFFINE, PATCHES, COPY, STANDARDIZE, DEPTHWISE = (
    range(16)
)
NO_LIMIT = 0  # of CLIP: a ReLU; else its upper limit, as 6
LAYER_NORM_EPS = 1e-5  # as in torch
NORMAL_CLIP = 10.0  # standard deviations, as in `agents.networks.normalization`


@engine_jit
def dense(source, out, rows, inputs, outputs, weight, bias, add, weights, numbers):
    """out = source · weight + bias for each of `rows` rows; the weight is [inputs, outputs]. add: to what `out` holds."""
    for row in range(rows):
        x = numbers[source + row * inputs : source + (row + 1) * inputs]
        y = numbers[out + row * outputs : out + (row + 1) * outputs]
        first = weights[bias : bias + outputs]
        for j in range(outputs):
            y[j] = y[j] + first[j] if add else first[j]
        for i in range(inputs):
            value = x[i]
            if value != 0.0:  # most of what is seen, and half of what follows a ReLU, is 0
                line = weights[weight + i * outputs : weight + (i + 1) * outputs]
                for j in range(outputs):
                    y[j] += value * line[j]


@engine_jit
def convolve(row, weights, numbers):
    """A convolution of [channels, height, width] to [outputs, …], its weight [channels, kernel, kernel, outputs].

    The outputs of a place stand side by side, in `sums`, until it is done: so each weight's line is as wide as they are many.
    """
    source, out, channels, height, width, outputs = row[1], row[2], row[3], row[4], row[5], row[6]
    kernel, stride, padding, weight, bias, sums = row[7], row[8], row[9], row[10], row[11], row[12]
    high, wide = (height + 2 * padding - kernel) // stride + 1, (width + 2 * padding - kernel) // stride + 1
    total, first = numbers[sums : sums + outputs], weights[bias : bias + outputs]
    for y in range(high):
        top = y * stride - padding
        for x in range(wide):
            left = x * stride - padding
            for o in range(outputs):
                total[o] = first[o]
            for c in range(channels):
                for ky in range(max(-top, 0), min(kernel, height - top)):
                    for kx in range(max(-left, 0), min(kernel, width - left)):
                        value = numbers[source + (c * height + top + ky) * width + left + kx]
                        if value != 0.0:  # as in `dense`
                            at = weight + ((c * kernel + ky) * kernel + kx) * outputs
                            line = weights[at : at + outputs]
                            for o in range(outputs):
                                total[o] += value * line[o]
            for o in range(outputs):
                numbers[out + (o * high + y) * wide + x] = total[o]


@engine_jit
def convolve_depthwise(row, weights, numbers):
    """A convolution of each channel by itself, [channels, height, width], its weight [channels, kernel, kernel]."""
    source, out, channels, height, width = row[1], row[2], row[3], row[4], row[5]
    kernel, stride, padding, weight, bias = row[6], row[7], row[8], row[9], row[10]
    high, wide = (height + 2 * padding - kernel) // stride + 1, (width + 2 * padding - kernel) // stride + 1
    for c in range(channels):
        for y in range(high):
            top = y * stride - padding
            for x in range(wide):
                left = x * stride - padding
                total = weights[bias + c]
                for ky in range(max(-top, 0), min(kernel, height - top)):
                    for kx in range(max(-left, 0), min(kernel, width - left)):
                        value = numbers[source + (c * height + top + ky) * width + left + kx]
                        total += value * weights[weight + (c * kernel + ky) * kernel + kx]
                numbers[out + (c * high + y) * wide + x] = total


@engine_jit
def pool(source, out, channels, height, width, numbers):
    """The maximum of 3 × 3 places at every second one, [channels, height, width], padded by one place."""
    high, wide = (height + 1) // 2, (width + 1) // 2
    for c in range(channels):
        for y in range(high):
            for x in range(wide):
                largest = np.float32(-np.inf)
                for iy in range(max(2 * y - 1, 0), min(2 * y + 2, height)):
                    for ix in range(max(2 * x - 1, 0), min(2 * x + 2, width)):
                        largest = max(largest, numbers[source + (c * height + iy) * width + ix])
                numbers[out + (c * high + y) * wide + x] = largest


@engine_jit
def cut_into_patches(source, out, channels, height, width, patch, numbers):
    """[channels, height, width] to [patches, channels * patch²]: row by row from the top left, channels outermost in each."""
    for row in range(height // patch):
        for column in range(width // patch):
            for c in range(channels):
                for y in range(patch):
                    line = source + (c * height + row * patch + y) * width + column * patch
                    for x in range(patch):
                        numbers[out] = numbers[line + x]
                        out += 1


@engine_jit
def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


@engine_jit
def lstm(gates, hidden, cell, size, numbers):
    """An LSTM's new hidden and cell state [size], from the sums before its gates [4 * size]: input, forget, cell, output."""
    for k in range(size):
        inner = np.float64(numbers[gates + 2 * size + k])
        kept = sigmoid(np.float64(numbers[gates + size + k])) * numbers[cell + k]
        numbers[cell + k] = kept + sigmoid(np.float64(numbers[gates + k])) * math.tanh(inner)
        out = sigmoid(np.float64(numbers[gates + 3 * size + k]))
        numbers[hidden + k] = out * math.tanh(np.float64(numbers[cell + k]))


@engine_jit
def elementwise(row, weights, numbers):
    """The operations that change numbers where they are."""
    kind, at, count = row[0], row[1], row[2]
    for k in range(count):
        x = numbers[at + k]
        if kind == BYTES:
            x = x / np.float32(255.0)
        elif kind == NORMALIZE:  # by the mean and deviation of each group of row[5] numbers
            group = k // row[5] % row[6]
            x = (x - weights[row[3] + group]) / weights[row[4] + group]
            x = min(max(x, np.float32(-NORMAL_CLIP)), np.float32(NORMAL_CLIP))
        elif kind == CLIP:
            x = max(x, np.float32(0.0))
            if row[3] != NO_LIMIT:
                x = min(x, np.float32(row[3]))
        elif kind == TANH:
            x = np.float32(math.tanh(np.float64(x)))
        elif kind == ADD:
            x = x + numbers[row[3] + k]
        elif kind == AFFINE:
            x = x * weights[row[3]] + weights[row[4]]
        else:  # COPY
            x = numbers[row[3] + k]
        numbers[at + k] = x


@engine_jit
def duel(scores, value, count, numbers):
    """Duelling action values: Q = V + A − mean A."""
    total = 0.0
    for k in range(count):
        total += numbers[scores + k]
    for k in range(count):
        numbers[scores + k] += numbers[value] - np.float32(total / count)


@engine_jit
def standardize(at, count, scale, bias, weights, numbers):
    """A layer norm: numbers less their mean, over their deviation, times a factor each, plus a bias each."""
    mean, square = 0.0, 0.0
    for k in range(count):
        mean += numbers[at + k] / count
    for k in range(count):
        square += (numbers[at + k] - mean) ** 2 / count
    deviation = math.sqrt(square + LAYER_NORM_EPS)
    for k in range(count):
        x = np.float32((numbers[at + k] - mean) / deviation)
        numbers[at + k] = x * weights[scale + k] + weights[bias + k]


@compiled
def forward(program, weights, numbers):
    """Run a program, int64 [rows, WIDTH], up to its END, on numbers, float32 [N], with weights, float32 [M]."""
    for k in range(len(program)):
        row = program[k]
        kind = row[0]
        if kind == END:
            break
        if kind == DENSE:
            dense(row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], weights, numbers)
        elif kind == CONVOLVE:
            convolve(row, weights, numbers)
        elif kind == DEPTHWISE:
            convolve_depthwise(row, weights, numbers)
        elif kind == POOL:
            pool(row[1], row[2], row[3], row[4], row[5], numbers)
        elif kind == LSTM:
            lstm(row[1], row[2], row[3], row[4], numbers)
        elif kind == DUEL:
            duel(row[1], row[2], row[3], numbers)
        elif kind == STANDARDIZE:
            standardize(row[1], row[2], row[3], row[4], weights, numbers)
        elif kind == PATCHES:
            cut_into_patches(row[1], row[2], row[3], row[4], row[5], row[6], numbers)
        else:
            elementwise(row, weights, numbers)
