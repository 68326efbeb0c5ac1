// SPDX-License-Identifier: Apache-2.0
//
// Ops that share their loop nest with no other. To the passes they are all alike, a step that reads
// views and writes an array; only their loops, which are chosen here, differ.

import Kernels
import TensorIR

/// An op with a loop nest of its own.
enum LoneOp: Hashable {
  /// Of a table and indices.
  case gather
  /// Of indices and updates.
  case scatterAdd
  /// Of indices, and the table and the indices of a gather that makes the updates: rows go from one
  /// table to the other, and are stored nowhere between.
  case scatterGathered
  /// Of one array.
  case cumulativeSum(axis: Int, isReversed: Bool)
}

extension KernelBuilder {
  /// The kernel of an op that stands alone.
  mutating func kernel(
    of op: LoneOp, _ operands: [View], result: View, dtype: DType
  ) -> Kernel {
    switch op {
    case .gather: gather(table: operands[0], indices: operands[1], result: result, dtype: dtype)
    case .scatterAdd:
      scatterAdd(
        indices: operands[0], updates: .stored(operands[1]), result: result, dtype: dtype)
    case .scatterGathered:
      scatterAdd(
        indices: operands[0], updates: .gathered(table: operands[1], indices: operands[2]),
        result: result, dtype: dtype)
    case .cumulativeSum(let axis, false):
      cumulativeSum(operands[0], axis: axis, result: result, dtype: dtype)
    case .cumulativeSum(let axis, true):
      cumulativeSum(
        operands[0].reversed(axis), axis: axis, result: result.reversed(axis), dtype: dtype)
    }
  }

  /// `result[.., i, ..] = x[.., 0, ..] + ... + x[.., i, ..]`.
  ///
  ///     for each index before the axis:
  ///       total[..] = 0; error[..] = 0
  ///       for each block of the axis:
  ///         part[..] = 0
  ///         for each i of the block: for each index behind the axis:
  ///           part[..] += x[i, ..]; result[i, ..] = total[..] + (error[..] + part[..])
  ///         total[..], error[..] = two_sum(total[..], part[..] + error[..])
  ///
  /// A short sum is one block, and a part is all there is. What does not fit on the stack of the indices
  /// behind the axis goes around it.
  ///
  /// - Cost: one read and one write of every element, and two or four additions.
  private mutating func cumulativeSum(
    _ x: View, axis: Int, result: View, dtype: DType
  ) -> Kernel {
    var nest = LoopNest(
      domain: result.shape, strides: [x.strides, result.strides], apart: [[axis]])
    guard let scan = nest.groups(in: [axis]).first else {
      return copy(.view(x), shape: result.shape, dtype: dtype, to: result)
    }
    let extent = nest.groups[scan].extent
    let blocks = dtype.isFloat ? SumBlocks.memory([extent]) : nil
    var (around, inside) = (Array(0..<scan), Array(nest.groups.indices.dropFirst(scan + 1)))
    let room = Machine.stackBytesOfSums / dtype.byteCount / (blocks == nil ? 1 : 3)
    if let last = inside.last, inside.reduce(1, { $0 * nest.groups[$1].extent }) > room {
      let length = nest.groups[last].extent
      nest.block(group: last, by: (1...room).last { length % $0 == 0 } ?? 1)
      (around, inside) = (around + inside, [last + 1])
    }
    let type = TensorType(result.shape, dtype)
    count(flops: type.elementCount, bytes: 2 * type.byteCount)

    let part = sums(inside, of: nest, dtype)
    var body: [Statement] = []
    let value = read(.view(x), dtype, in: nest, &body)
    var sum = add(value, to: load(part, dtype, in: &body), dtype, in: &body)
    body.append(.storeLocal(part.local, part.index, scalar: sum))
    var frames = [LoopFrame(group: scan, before: clear(part, in: nest, dtype), after: [])]
    if let blocks {
      let (total, error) = (sums(inside, of: nest, dtype), sums(inside, of: nest, dtype))
      sum = add(sum, to: load(error, dtype, in: &body), dtype, in: &body)
      sum = add(sum, to: load(total, dtype, in: &body), dtype, in: &body)
      var end: [Statement] = []
      let (old, lost) = (load(total, dtype, in: &end), load(error, dtype, in: &end))
      let new = twoSum(old, load(part, dtype, in: &end), error: lost, dtype, in: &end)
      end.append(.storeLocal(total.local, total.index, scalar: new.sum))
      end.append(.storeLocal(error.local, error.index, scalar: new.error))
      frames = [
        LoopFrame(
          group: scan, before: clear(total, in: nest, dtype) + clear(error, in: nest, dtype),
          after: []),
        LoopFrame(
          group: scan, size: blocks.size, before: clear(part, in: nest, dtype),
          after: nest.loops(over: inside, end)),
      ]
    }
    body.append(
      .store(
        parameter: parameter(for: result.root, dtype, written: true),
        nest.index(offset: result.offset, strides: result.strides), scalar: sum))
    return kernel(
      nest.loops(over: around + [scan] + inside, body, in: frames),
      split: nest.sharedLoop(among: around + inside, of: self))
  }

  /// An array on the stack for a sum at each index of some loops.
  private mutating func sums(_ groups: [Int], of nest: LoopNest, _ dtype: DType) -> SumArray {
    let extents = groups.map { nest.groups[$0].extent }
    let terms = zip(groups, extents.denseStrides).map {
      ElementIndex.Term(variable: $0, stride: $1)
    }
    return SumArray(
      local: newLocal(dtype, elementCount: extents.reduce(1, *)), groups: groups,
      index: ElementIndex(terms: terms))
  }

  private mutating func clear(
    _ array: SumArray, in nest: LoopNest, _ dtype: DType
  ) -> [Statement] {
    var body: [Statement] = []
    let zero = defineAnew(.constant(0), dtype, in: &body)
    body.append(.storeLocal(array.local, array.index, scalar: zero))
    return nest.loops(over: array.groups, body)
  }

  private mutating func load(
    _ array: SumArray, _ dtype: DType, in statements: inout [Statement]
  ) -> Int {
    defineAnew(.loadLocal(array.local, array.index), dtype, in: &statements)
  }

  private mutating func add(
    _ a: Int, to b: Int, _ dtype: DType, in statements: inout [Statement]
  ) -> Int {
    defineAnew(.apply(.binary(.add), [b, a]), dtype, named: "sum", in: &statements)
  }
}

extension View {
  /// The same elements with one axis walked through from its end.
  fileprivate func reversed(_ axis: Int) -> View {
    var view = self
    view.offset += (shape[axis] - 1) * strides[axis]
    view.strides[axis] = -strides[axis]
    return view
  }
}
