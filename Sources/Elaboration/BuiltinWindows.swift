// SPDX-License-Identifier: Apache-2.0
//
// Convolution and pooling: windows of the spatial axes, and a product or a reduction over their
// elements. Channels are the last axis, spatial axes stand before it, and whatever axes stand before
// these are a batch.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let windows: [Builtin] = [
    Builtin(
      "conv", .floats("x", rank: 2...Int.max), .floats("kernel", rank: 3...5),
      .perAxis("stride", "a stride"), .padding("padding", or: .same),
      .perAxis("dilation", "a dilation"), .count("groups", "a number of groups"),
      summary:
        "convolution of `x: [..., h, w, c]` with `kernel: [k, l, c / groups, f]`, over one to three axes"
    ) { e, place, x, kernel, stride, padding, dilation, groups in
      try e.checkChannels(
        at: place, x, kernel, meeting: kernel.shape[kernel.rank - 2] * groups, groups)
      let axes = try e.spatialAxes(
        x, sizes: Array(kernel.shape.dropLast(2)), stride, dilation, padding, at: place)
      return .tensor(e.convolved(x.tensor, kernel.tensor, axes, groups))
    },
    Builtin(
      "conv_transpose", .floats("x", rank: 2...Int.max), .floats("kernel", rank: 3...5),
      .perAxis("stride", "a stride"), .padding("padding", or: .same),
      .perAxis("dilation", "a dilation"), .count("groups", "a number of groups"),
      summary:
        "the transpose of `conv` with `kernel: [k, l, f / groups, c]`: strides make `x` larger"
    ) { e, place, x, kernel, stride, padding, dilation, groups in
      try e.checkChannels(at: place, x, kernel, meeting: kernel.shape[kernel.rank - 1], groups)
      let axes = try e.transposedAxes(
        x, sizes: Array(kernel.shape.dropLast(2)), stride, dilation, padding, at: place)
      return .tensor(e.transposedConvolution(x.tensor, kernel.tensor, axes, groups))
    },
    Builtin(
      "max_pool", .floats("x", rank: 2...Int.max), .any("size"),
      .perAxis("stride", "a stride", or: "size"), .padding("padding", or: .valid),
      summary: "the largest element of each window of `x: [..., h, w, c]`"
    ) { e, place, x, size, stride, padding in
      .tensor(try e.pooled(at: place, x, size, stride, padding, .maximum))
    },
    Builtin(
      "avg_pool", .floats("x", rank: 2...Int.max), .any("size"),
      .perAxis("stride", "a stride", or: "size"), .padding("padding", or: .valid),
      summary: "the sum of each window over its number of elements, zeros of the padding included"
    ) { e, place, x, size, stride, padding in
      .tensor(try e.pooled(at: place, x, size, stride, padding, .sum))
    },
  ]
}

// MARK: - Parameters

/// One whole number for all spatial axes, or one for each.
struct PerAxisArgument {
  let operand: Operand?
  let what: String
}

/// What is put around the spatial axes.
enum Padding: String {
  /// As much as makes `ceil(extent / stride)` windows, the odd zero at the end.
  case same
  /// Nothing.
  case valid
}

struct PaddingArgument {
  let operand: Operand?
  let fallback: Padding

  /// Whether it is `"same"`.
  var isSame: Bool {
    guard let operand else { return fallback == .same }
    guard case .string(let text) = operand.value else { return false }
    return text == Padding.same.rawValue
  }
}

extension Parameter<PerAxisArgument> {
  static func perAxis(_ name: String, _ what: String, or fallback: String = "1") -> Self {
    optional(name, or: fallback) { _, operand in PerAxisArgument(operand: operand, what: what) }
  }
}

extension Parameter<PaddingArgument> {
  static func padding(_ name: String, or fallback: Padding) -> Self {
    optional(name, or: "\"\(fallback.rawValue)\"") { _, operand in
      PaddingArgument(operand: operand, fallback: fallback)
    }
  }
}

extension Parameter<Int> {
  /// A whole number of at least 1, which is 1 if left out.
  static func count(_ name: String, _ what: String) -> Self {
    optional(name, or: "1") { elaborator, operand in
      guard let operand else { return 1 }
      let count = try elaborator.integer(operand, what)
      try elaborator.requirePositive(count, operand)
      return count
    }
  }
}

// MARK: - Geometry

/// The windows of one spatial axis.
private struct SpatialAxis {
  /// Zeros before and after.
  var low: Int, high: Int
  /// Windows, and the elements of each.
  var count: Int, size: Int
  var stride: Int, dilation: Int
  /// Elements of the axis that is read, without the zeros.
  var extent: Int

  /// The windows of `axis` of an array that has its zeros.
  func windows(_ axis: Int) -> AxisWindows {
    AxisWindows(axis: axis, count: count, size: size, stride: stride, dilation: dilation)
  }

  /// Whether every window is the one element at its place.
  var isPointwise: Bool { size == 1 && stride == 1 && low + high == 0 }
}

extension Elaborator {
  /// The numbers for `count` spatial axes; 1 if none are given.
  private func numbers(_ argument: PerAxisArgument, count: Int) throws -> [Int] {
    guard let operand = argument.operand else { return [Int](repeating: 1, count: count) }
    let values: [Value] =
      if case .list(let parts) = operand.value { parts } else {
        [Value](repeating: operand.value, count: count)
      }
    let numbers = try values.map { try integer(operand.part($0), argument.what) }
    guard numbers.count == count else {
      throw fail(
        .kind(
          what: argument.what, expected: "one for each of \(count) spatial axes",
          found: operand.value.spelling), at: operand.expression.span)
    }
    for number in numbers { try requirePositive(number, operand) }
    return numbers
  }

  /// Zeros before and after each axis of `extents`, by windows as they would be read.
  private func zeros(
    _ argument: PaddingArgument, _ extents: [Int], spans: [Int], strides: [Int]
  ) throws -> [(low: Int, high: Int)] {
    func same() -> [(low: Int, high: Int)] {
      extents.indices.map { axis in
        let windows = (extents[axis] + strides[axis] - 1) / strides[axis]
        let total = max(0, (windows - 1) * strides[axis] + spans[axis] - extents[axis])
        return (total / 2, total - total / 2)
      }
    }
    guard let operand = argument.operand else {
      return argument.fallback == .same ? same() : extents.map { _ in (0, 0) }
    }
    let wrong = { (found: String) in
      self.fail(
        .kind(
          what: "padding",
          expected: "\"same\", \"valid\", a whole number, or for each of \(extents.count) spatial "
            + "axes a number or a pair [low, high]", found: found), at: operand.expression.span)
    }
    switch operand.value {
    case .string(let text):
      switch Padding(rawValue: text) {
      case .same: return same()
      case .valid: return extents.map { _ in (0, 0) }
      case nil: throw wrong("\"\(text)\"")
      }
    case .integer(let number) where number >= 0: return extents.map { _ in (number, number) }
    case .list(let parts) where parts.count == extents.count:
      return try parts.map { part in
        switch part {
        case .integer(let number) where number >= 0: return (number, number)
        case .list(let pair) where pair.count == 2:
          let ends = try pair.map { try integer(operand.part($0), "padding") }
          guard ends.allSatisfy({ $0 >= 0 }) else { throw wrong(part.spelling) }
          return (ends[0], ends[1])
        default: throw wrong(part.spelling)
        }
      }
    default: throw wrong(operand.value.spelling)
    }
  }

  /// The extents of so many spatial axes.
  private func spatialExtents(_ x: ArrayArgument, _ count: Int) throws -> [Int] {
    guard x.rank > count else {
      throw fail(
        .rank(
          op: "x", expected: "\(count) spatial axes and the channels", found: x.shape.spelling),
        at: x.operand.expression.span, operands: [x.operand])
    }
    return Array(x.shape.dropLast().suffix(count))
  }

  /// The windows of each spatial axis, checked to fit.
  fileprivate func spatialAxes(
    _ x: ArrayArgument, sizes: [Int], _ stride: PerAxisArgument, _ dilation: PerAxisArgument,
    _ padding: PaddingArgument, at place: Span
  ) throws -> [SpatialAxis] {
    let extents = try spatialExtents(x, sizes.count)
    let strides = try numbers(stride, count: sizes.count)
    let dilations = try numbers(dilation, count: sizes.count)
    let spans = zip(sizes, dilations).map { ($0 - 1) * $1 + 1 }
    let zeros = try zeros(padding, extents, spans: spans, strides: strides)
    return try extents.indices.map { axis in
      let whole = zeros[axis].low + extents[axis] + zeros[axis].high
      guard whole >= spans[axis] else {
        throw fail(
          .kind(
            what: "a window", expected: "at most the \(whole) elements of its axis",
            found: "\(spans[axis])"), at: place, operands: [x.operand])
      }
      return SpatialAxis(
        low: zeros[axis].low, high: zeros[axis].high,
        count: (whole - spans[axis]) / strides[axis] + 1, size: sizes[axis], stride: strides[axis],
        dilation: dilations[axis], extent: extents[axis])
    }
  }

  /// The windows that `conv` would read of the result: as many as `x` has elements. With `"same"` the
  /// result has `stride` times as many, with `"valid"` all that windows cover, with numbers so many
  /// fewer.
  fileprivate func transposedAxes(
    _ x: ArrayArgument, sizes: [Int], _ stride: PerAxisArgument, _ dilation: PerAxisArgument,
    _ padding: PaddingArgument, at place: Span
  ) throws -> [SpatialAxis] {
    let counts = try spatialExtents(x, sizes.count)
    let strides = try numbers(stride, count: sizes.count)
    let dilations = try numbers(dilation, count: sizes.count)
    let spans = zip(sizes, dilations).map { ($0 - 1) * $1 + 1 }
    let zeros = try zeros(
      padding, zip(counts, strides).map(*), spans: spans, strides: strides)
    let isSame = padding.isSame
    return try counts.indices.map { axis in
      let covered = (counts[axis] - 1) * strides[axis] + spans[axis]
      let extent =
        isSame ? counts[axis] * strides[axis] : covered - zeros[axis].low - zeros[axis].high
      guard extent >= 1 else {
        throw fail(
          .kind(
            what: "padding", expected: "less than the \(covered) elements that windows cover",
            found: "\(zeros[axis].low + zeros[axis].high)"), at: place, operands: [x.operand])
      }
      return SpatialAxis(
        low: zeros[axis].low, high: zeros[axis].high, count: counts[axis], size: sizes[axis],
        stride: strides[axis], dilation: dilations[axis], extent: extent)
    }
  }

  /// - Parameter expected: the channels of the kernel that meet those of `x`.
  fileprivate func checkChannels(
    at place: Span, _ x: ArrayArgument, _ kernel: ArrayArgument, meeting expected: Int,
    _ groups: Int
  ) throws {
    let channels = kernel.shape[kernel.rank - 1]
    guard channels.isMultiple(of: groups) else {
      throw fail(
        .kind(
          what: "groups", expected: "a divisor of the kernel's \(channels) last channels",
          found: "\(groups)"), at: place, operands: [kernel.operand])
    }
    guard x.shape[x.rank - 1] == expected else {
      throw fail(
        .shape(
          what: groups == 1 ? "the channels of x" : "the channels of x in \(groups) groups",
          expected: "\(expected), as the kernel says", found: "\(x.shape[x.rank - 1])"),
        at: place, operands: [x.operand, kernel.operand])
    }
  }
}

// MARK: - Convolution

extension Elaborator {
  /// The array with zeros around its spatial axes, which begin at `first`.
  private func padded(_ x: Tensor, _ axes: [SpatialAxis], first: Int) -> Tensor {
    var (low, high) = (x.shape.map { _ in 0 }, x.shape.map { _ in 0 })
    for (number, axis) in axes.enumerated() {
      low[first + number] = axis.low
      high[first + number] = axis.high
    }
    return (low + high).allSatisfy { $0 == 0 } ? x : emitter.add(.pad(low: low, high: high), x)
  }

  /// Each spatial axis as two: windows and their elements.
  private func windowed(_ x: Tensor, _ axes: [SpatialAxis], first: Int) -> Tensor {
    axes.enumerated().reversed().reduce(padded(x, axes, first: first)) { x, axis in
      emitter.add(.windows(axis.element.windows(first + axis.offset)), x)
    }
  }

  /// A product over the elements of windows and the channels of a group.
  fileprivate func convolved(
    _ x: Tensor, _ kernel: Tensor, _ axes: [SpatialAxis], _ groups: Int
  ) -> Tensor {
    let labels = ConvolutionLabels(x, axes, groups)
    let isPointwise = axes.allSatisfy(\.isPointwise)
    let windows = isPointwise ? x : windowed(x, axes, first: labels.batch.count)
    let (inside, outside) = (kernel.shape[axes.count], kernel.shape[axes.count + 1])
    let taps = isPointwise ? [] : Array(kernel.shape.prefix(axes.count))
    let group = groups == 1 ? [] : [groups]
    let product = emitter.add(
      .contract(
        ContractionLabels(
          lhs: labels.batch + labels.read(isPointwise) + labels.group + [labels.inside],
          rhs: (isPointwise ? [] : labels.taps) + [labels.inside] + labels.group
            + [labels.outside],
          output: labels.batch + labels.windows + labels.group + [labels.outside])),
      emitter.reshape(windows, to: windows.shape.dropLast() + group + [inside]),
      emitter.reshape(kernel, to: taps + [inside] + group + [outside / groups]))
    return emitter.reshape(
      product, to: product.shape.prefix(labels.batch.count + axes.count) + [outside])
  }

  /// Every element of `x` times the kernel, added up where windows would read.
  fileprivate func transposedConvolution(
    _ x: Tensor, _ kernel: Tensor, _ axes: [SpatialAxis], _ groups: Int
  ) -> Tensor {
    let labels = ConvolutionLabels(x, axes, groups)
    let (outside, inside) = (kernel.shape[axes.count], kernel.shape[axes.count + 1] / groups)
    let group = groups == 1 ? [] : [groups]
    let product = emitter.add(
      .contract(
        ContractionLabels(
          lhs: labels.batch + labels.windows + labels.group + [labels.inside],
          rhs: labels.taps + [labels.outside] + labels.group + [labels.inside],
          output: labels.batch + labels.read(false) + labels.group + [labels.outside])),
      emitter.reshape(x, to: x.shape.dropLast() + group + [inside]),
      emitter.reshape(kernel, to: kernel.shape.prefix(axes.count) + [outside] + group + [inside]))
    let first = labels.batch.count
    let sums = axes.indices.reversed().reduce(product) { sums, number in
      // Windows of the axes before are two axes still.
      var windows = axes[number].windows(first + 2 * number)
      windows.start = -axes[number].low
      return emitter.add(.sumWindows(windows, extent: axes[number].extent), sums)
    }
    return emitter.reshape(sums, to: sums.shape.prefix(first + axes.count) + [groups * outside])
  }
}

/// What axes of a convolution's product are called.
private struct ConvolutionLabels {
  /// The batch; windows and their elements of each spatial axis; groups, unless there is one.
  let batch: [Int], windows: [Int], taps: [Int], group: [Int]
  /// Channels of a group, of x and of the result.
  let inside = 0, outside = 1

  init(_ x: Tensor, _ axes: [SpatialAxis], _ groups: Int) {
    let leading = x.shape.count - 1 - axes.count
    group = groups == 1 ? [] : [2]
    windows = axes.indices.map { 3 + $0 }
    taps = axes.indices.map { 3 + axes.count + $0 }
    batch = (0..<leading).map { 3 + 2 * axes.count + $0 }
  }

  /// The spatial axes as they are read: windows, and the elements of each beside them.
  func read(_ isPointwise: Bool) -> [Int] {
    isPointwise ? windows : zip(windows, taps).flatMap { [$0, $1] }
  }
}

// MARK: - Pooling

extension Elaborator {
  fileprivate func pooled(
    at place: Span, _ x: ArrayArgument, _ size: Operand, _ stride: PerAxisArgument,
    _ padding: PaddingArgument, _ reduction: Reduction
  ) throws -> Tensor {
    // One number is for height and width; a list has one for each spatial axis.
    let count = if case .list(let parts) = size.value { parts.count } else { 2 }
    let sizes = try numbers(PerAxisArgument(operand: size, what: "a size"), count: count)
    let steps = stride.operand == nil ? PerAxisArgument(operand: size, what: "a size") : stride
    let axes = try spatialAxes(
      x, sizes: sizes, steps, PerAxisArgument(operand: nil, what: ""), padding, at: place)
    let first = x.rank - 1 - count
    let read = try poolWindows(x.tensor, axes, first: first, reduction)
    let pooled = emitter.reduce(
      reduction, read, axes: axes.indices.map { first + 2 * $0 + 1 })
    guard reduction == .sum else { return pooled }
    let share = emitter.constant(1 / Double(sizes.reduce(1, *)), .scalar(pooled.dtype))
    return emitter.binary(.multiply, pooled, emitter.broadcast(share, to: pooled.shape))
  }

  /// The windows of a pool: parts of the axis where they lie side by side.
  private func poolWindows(
    _ x: Tensor, _ axes: [SpatialAxis], first: Int, _ reduction: Reduction
  ) throws -> Tensor {
    let isPadded = axes.contains { $0.low + $0.high > 0 }
    if axes.allSatisfy({ $0.stride == $0.size }), !isPadded {
      var (covered, parts) = (x.shape, Array(x.shape[..<first]))
      for (number, axis) in axes.enumerated() {
        covered[first + number] = axis.count * axis.size
        parts += [axis.count, axis.size]
      }
      let starts = covered.map { _ in 0 }
      let whole = covered == x.shape ? x : emitter.add(.slice(starts: starts, shape: covered), x)
      return emitter.reshape(whole, to: parts + [x.shape[x.shape.count - 1]])
    }
    let windows = windowed(x, axes, first: first)
    guard reduction == .maximum, isPadded else { return windows }
    // What is padded is less than anything.
    let ones = emitter.constant(1, x.type)
    let isInside = emitter.add(
      .compare(.greater), windowed(ones, axes, first: first),
      emitter.constant(0, windows.type))
    return emitter.add(.select, isInside, windows, emitter.constant(-.infinity, windows.type))
  }
}
