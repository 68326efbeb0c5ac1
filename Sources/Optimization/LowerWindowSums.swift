// SPDX-License-Identifier: Apache-2.0
//
// Replaces sums of windows, which derivatives of convolutions and poolings are made of, by what kernels
// know. What a product makes for windows is never stored where it can be a product that reads windows:
//
//   before:  %3 = contract %y, %k            [n, p, t, c], each output element once for each tap
//            %4 = sum_windows %3             [n, q, c]
//   after:   %5 = windows (pad %y)           [n, q, t, f], a view
//            %4 = contract %5, (reverse %k)  [n, q, c]
//
// With a stride s, output q = s m + r reads the taps t = s u + c(r) alone: s products, one for each
// remainder r, lie one between the other in the result, and no term is a product with an inserted
// zero. Everything else is a sum of as many arrays as windows have elements (or as there are windows,
// if these are fewer), each moved to its place. No derivative may be asked for afterwards.

import TensorIR

extension Pass {
  package static let lowerWindowSums = Pass(
    name: "lower window sums",
    summary: "makes products that read windows of those that fill them", run: lowered)
}

@Sendable private func lowered(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    guard case .sumWindows(let windows, let extent) = node.op else {
      return rewriter.append(node.op.mapRegions(lowered), operands)
    }
    let sums = WindowSums(rewriter: rewriter, windows: windows, extent: extent)
    return [sums.asProduct(operands[0]) ?? sums.asShifts(operands[0])]
  }
}

private struct WindowSums {
  let rewriter: Rewriter
  let windows: AxisWindows
  /// Of the axis that the sums have.
  let extent: Int

  private func add(_ op: Op, _ operands: ValueID...) -> ValueID {
    rewriter.append(op, operands)[0]
  }

  private func shape(_ x: ValueID) -> [Int] { rewriter.type(of: x).shape }

  // MARK: Products

  /// A product whose windows come from one factor and whose window elements from the other, as one
  /// that reads windows; `nil` if `x` is none, or windows are both strided and dilated. A sum of such
  /// products, as tangents of products are, is the sum of what each becomes.
  func asProduct(_ x: ValueID) -> ValueID? {
    guard let node = rewriter.definition(of: x) else { return nil }
    if node.op == .binary(.add), rewriter.isReadOnce(x) {
      guard let left = asProduct(node.operands[0]), let right = asProduct(node.operands[1]) else {
        return nil
      }
      return add(node.op, left, right)
    }
    guard case .contract(let labels) = node.op,
      windows.stride > 0, windows.dilation > 0, windows.stride == 1 || windows.dilation == 1
    else { return nil }
    let (window, element) = (labels.output[windows.axis], labels.output[windows.axis + 1])
    let (lhs, rhs) = (labels.lhs, labels.rhs)
    if let p = lhs.firstIndex(of: window), let t = rhs.firstIndex(of: element),
      !rhs.contains(window), !lhs.contains(element)
    {
      return interleaved { remainder in
        product(node.operands[0], p, node.operands[1], t, remainder) { x, k in
          var labels = labels
          labels.lhs.insert(element, at: p + 1)
          labels.output.remove(at: windows.axis + 1)
          return add(.contract(labels), x, k)
        }
      }
    }
    guard let p = rhs.firstIndex(of: window), let t = lhs.firstIndex(of: element),
      !lhs.contains(window), !rhs.contains(element)
    else { return nil }
    return interleaved { remainder in
      product(node.operands[1], p, node.operands[0], t, remainder) { x, k in
        var labels = labels
        labels.rhs.insert(element, at: p + 1)
        labels.output.remove(at: windows.axis + 1)
        return add(.contract(labels), k, x)
      }
    }
  }

  /// Sums of each remainder modulo the stride.
  private var sumsPerRemainder: Int { (extent + windows.stride - 1) / windows.stride }

  /// The sums at `remainder + m * stride`, all m: `sum over u of x[m + g - u] * k[c + u * stride]`
  /// where `c` is the first tap that lands there and `g` what moves windows to `m`. The u run down, so
  /// that x is read upwards. Where no tap lands, `nil`.
  private func product(
    _ x: ValueID, _ p: Int, _ k: ValueID, _ t: Int, _ remainder: Int,
    _ contract: (ValueID, ValueID) -> ValueID
  ) -> ValueID? {
    let stride = windows.stride
    let distance = remainder - windows.start
    let first = ((distance % stride) + stride) % stride
    let taps = (windows.size - first + stride - 1) / stride
    guard taps > 0 else { return nil }
    let lowest = (distance - first) / stride - (taps - 1) * windows.dilation
    let low = max(0, -lowest)
    let last = lowest + sumsPerRemainder - 1 + (taps - 1) * windows.dilation
    let high = max(0, last - windows.count + 1)
    let read = AxisWindows(
      axis: p, start: lowest + low, count: sumsPerRemainder, size: taps, dilation: windows.dilation)
    let reversed = AxisWindows(
      axis: t, start: first + stride * (taps - 1), count: taps, size: 1, stride: -stride)
    let kernel = add(.windows(reversed), k)
    return contract(
      add(.windows(read), padded(x, p, low, high)),
      add(.reshape(withoutAxis(t + 1, shape(kernel))), kernel))
  }

  /// What `sums` gives for each remainder, one beside the other.
  private func interleaved(_ sums: (Int) -> ValueID?) -> ValueID? {
    let parts = (0..<windows.stride).map(sums)
    guard let some = parts.lazy.compactMap({ $0 }).first else { return nil }
    if parts.count == 1 { return some }
    let axis = windows.axis
    var single = shape(some)
    single.insert(1, at: axis + 1)
    let type = TensorType(single, rewriter.type(of: some).dtype)
    let columns = parts.map { part in
      part.map { add(.reshape(single), $0) } ?? add(.constant(0, type))
    }
    let all = rewriter.append(.concatenate(axis: axis + 1), columns)[0]
    var joined = shape(some)
    joined[axis] *= windows.stride
    return cut(add(.reshape(joined), all), axis, from: 0, count: extent)
  }

  // MARK: Anything else

  /// The sums of whole arrays, one for each element of a window or for each window.
  func asShifts(_ x: ValueID) -> ValueID {
    let axis = windows.axis
    if windows.dilation == 1, windows.stride == windows.size {
      var rows = withoutAxis(axis + 1, shape(x))
      rows[axis] *= windows.size
      return placed(add(.reshape(rows), x), from: windows.start, step: 1)
    }
    let byElement = windows.size <= windows.count
    let parts = (0..<(byElement ? windows.size : windows.count)).map { number in
      let part = cut(x, byElement ? axis + 1 : axis, from: number, count: 1)
      let row = add(.reshape(withoutAxis(byElement ? axis + 1 : axis, shape(part))), part)
      return byElement
        ? placed(row, from: windows.start + number * windows.dilation, step: windows.stride)
        : placed(row, from: windows.start + number * windows.stride, step: windows.dilation)
    }
    return parts.dropFirst().reduce(parts[0]) { add(.binary(.add), $0, $1) }
  }

  /// An array along the axis of sums, with zeros where it has no element.
  private func placed(_ row: ValueID, from start: Int, step: Int) -> ValueID {
    let axis = windows.axis
    let count = shape(row)[axis]
    if step < 0 {
      let reversed = AxisWindows(axis: axis, start: count - 1, count: count, size: 1, stride: -1)
      let turned = add(.windows(reversed), row)
      return placed(
        add(.reshape(shape(row)), turned), from: start + (count - 1) * step, step: -step)
    }
    var spread = row
    if step > 1 {
      var single = shape(row)
      single.insert(1, at: axis + 1)
      let wide = padded(add(.reshape(single), row), axis + 1, 0, step - 1)
      var joined = shape(row)
      joined[axis] *= step
      spread = cut(add(.reshape(joined), wide), axis, from: 0, count: (count - 1) * step + 1)
    }
    let first = max(0, -start)
    let end = min(shape(spread)[axis], extent - start)
    guard first < end else {
      var type = rewriter.type(of: row)
      type.shape[axis] = extent
      return add(.constant(0, type))
    }
    return padded(
      cut(spread, axis, from: first, count: end - first), axis, start + first,
      extent - start - end)
  }

  // MARK: Movement

  private func padded(_ x: ValueID, _ axis: Int, _ low: Int, _ high: Int) -> ValueID {
    guard low + high > 0 else { return x }
    var (before, after) = (shape(x).map { _ in 0 }, shape(x).map { _ in 0 })
    before[axis] = low
    after[axis] = high
    return add(.pad(low: before, high: after), x)
  }

  private func cut(_ x: ValueID, _ axis: Int, from start: Int, count: Int) -> ValueID {
    var (starts, sizes) = (shape(x).map { _ in 0 }, shape(x))
    guard count < sizes[axis] else { return x }
    starts[axis] = start
    sizes[axis] = count
    return add(.slice(starts: starts, shape: sizes), x)
  }

  private func withoutAxis(_ axis: Int, _ shape: [Int]) -> [Int] {
    Array(shape[..<axis] + shape[(axis + 1)...])
  }
}
