// SPDX-License-Identifier: Apache-2.0
//
// The long sums of a cluster, in blocks (`SumBlocks.swift` says why). Column sums over many rows:
//
//   error[..] = 0
//   for each block of rows:
//     block[..] = 0
//     for each row of the block: for each column: compute; block[column] += value
//     for each column:
//       sum[column], error[column] = two_sum(sum[column], block[column] + error[column])
//   for each column: sum[column] += error[column]
//
// and the sum of a long row in the same way, with a scalar for each of the three.

import Kernels
import TensorIR

/// What stands around a loop: the statements of each block, or of the loop as a whole.
struct LoopFrame {
  /// Number of the loop in the nest.
  let group: Int
  /// Iterations of a block; `nil` for what stands around the whole loop.
  var size: Int?
  let before: [Statement]
  let after: [Statement]
}

extension LoopNest {
  /// `body` inside loops over the given groups, outermost first, with the frames of each loop.
  func loops(over groups: [Int], _ body: [Statement], in frames: [LoopFrame]) -> [Statement] {
    groups.reversed().reduce(body) { inner, number in
      let extent = self.groups[number].extent
      var statements = [Statement.loop(variable: number, extent: extent, body: inner)]
      let own = frames.filter { $0.group == number }
      let cuts = own.filter { $0.size != nil }
      if let size = cuts.compactMap(\.size).min() {
        let block = cuts.flatMap(\.before) + statements + cuts.flatMap(\.after)
        statements = [.blocks(variable: number, extent: extent, size: size, body: block)]
      }
      let whole = own.filter { $0.size == nil }
      return whole.flatMap(\.before) + statements + whole.flatMap(\.after)
    }
  }
}

// MARK: Sums in memory

extension ClusterKernelWriter {
  /// The loops of the nest in the order in which they stand in each other.
  private var order: [Int] {
    guard cluster.rowAxes != nil else { return Array(nest.groups.indices) }
    let kept = nest.groups(in: cluster.keptAxes)
    return kept + nest.groups.indices.filter { !kept.contains($0) }
  }

  /// The sums in memory that are long enough for blocks, as far as the stack has room.
  func blockedSums(_ builder: inout KernelBuilder) -> [BlockedMemorySum] {
    var room = Machine.stackBytesOfSums
    return cluster.entries.compactMap { blockedSum(of: $0, room: &room, &builder) }
  }

  private func blockedSum(
    of entry: Cluster.Entry, room: inout Int, _ builder: inout KernelBuilder
  ) -> BlockedMemorySum? {
    let node = entry.node
    let dtype = region.type(of: node.result).dtype
    guard case .memoryReduction = entry.placement, case .reduce(.sum, let axes) = node.op,
      dtype.isFloat
    else { return nil }
    let order = order
    let reduced = order.indices.filter { axes.contains(nest.groups[order[$0]].axes[0]) }
    let extents = reduced.map { nest.groups[order[$0]].extent }
    guard let blocks = SumBlocks.memory(extents) else { return nil }
    let cut = reduced[blocks.level]
    func kept(inside position: Int) -> [Int] {
      order.indices.filter { $0 > position && !reduced.contains($0) }.map { order[$0] }
    }
    let (blockGroups, errorGroups) = (kept(inside: cut), kept(inside: reduced[0]))
    let elements = [blockGroups, errorGroups].map { $0.map(storedExtent).reduce(1, *) }
    let bytes = elements.reduce(0, +) * dtype.byteCount
    guard bytes <= room else { return nil }
    room -= bytes
    return BlockedMemorySum(
      entry: entry, outermost: order[reduced[0]], cut: order[cut], size: blocks.size,
      block: array(over: blockGroups, dtype, &builder),
      error: array(over: errorGroups, dtype, &builder))
  }

  /// Elements that a loop needs in an array: lanes beyond its extent are written, too.
  private func storedExtent(_ group: Int) -> Int {
    group == lanes?.variable ? lanes?.paddedExtent ?? 1 : nest.groups[group].extent
  }

  private func array(
    over groups: [Int], _ dtype: DType, _ builder: inout KernelBuilder
  ) -> SumArray {
    let extents = groups.map(storedExtent)
    let terms = zip(groups, extents.denseStrides).map {
      ElementIndex.Term(variable: $0, stride: $1)
    }
    return SumArray(
      local: builder.newLocal(dtype, elementCount: extents.reduce(1, *)), groups: groups,
      index: ElementIndex(terms: terms))
  }

  /// What stands around the loops of the sums in memory.
  func frames(
    of sums: [BlockedMemorySum], _ builder: inout KernelBuilder
  ) -> [LoopFrame] {
    sums.flatMap { sum -> [LoopFrame] in
      let result = sum.entry.result
      let dtype = region.type(of: result).dtype
      let parameter = memoryReductionParameter(result, &builder)
      let place = memoryReductionIndex(sum.entry)
      return [
        LoopFrame(
          group: sum.cut, size: sum.size, before: clear(sum.block, dtype, &builder),
          after: addBlock(sum, parameter, place, dtype, &builder)),
        LoopFrame(
          group: sum.outermost, before: clear(sum.error, dtype, &builder),
          after: addError(sum, parameter, place, dtype, &builder)),
      ]
    }
  }

  private func clear(
    _ array: SumArray, _ dtype: DType, _ builder: inout KernelBuilder
  ) -> [Statement] {
    var body: [Statement] = []
    let zero = builder.defineAnew(.constant(0), dtype, in: &body)
    body.append(.storeLocal(array.local, array.index, scalar: zero))
    return nest.loops(over: array.groups, body)
  }

  private func addBlock(
    _ sum: BlockedMemorySum, _ parameter: Int, _ place: ElementIndex, _ dtype: DType,
    _ builder: inout KernelBuilder
  ) -> [Statement] {
    var body: [Statement] = []
    let total = builder.defineAnew(.load(parameter: parameter, place), dtype, in: &body)
    let error = builder.defineAnew(
      .loadLocal(sum.error.local, sum.error.index), dtype, in: &body)
    let block = builder.defineAnew(
      .loadLocal(sum.block.local, sum.block.index), dtype, in: &body)
    let new = builder.twoSum(total, block, error: error, dtype, in: &body)
    body.append(.store(parameter: parameter, place, scalar: new.sum))
    body.append(.storeLocal(sum.error.local, sum.error.index, scalar: new.error))
    return nest.loops(over: sum.block.groups, body)
  }

  private func addError(
    _ sum: BlockedMemorySum, _ parameter: Int, _ place: ElementIndex, _ dtype: DType,
    _ builder: inout KernelBuilder
  ) -> [Statement] {
    var body: [Statement] = []
    let total = builder.defineAnew(.load(parameter: parameter, place), dtype, in: &body)
    let error = builder.defineAnew(
      .loadLocal(sum.error.local, sum.error.index), dtype, in: &body)
    let new = builder.corrected(total, error: error, dtype, in: &body)
    body.append(.store(parameter: parameter, place, scalar: new))
    return nest.loops(over: sum.error.groups, body)
  }
}

// MARK: Sums of rows

extension ClusterKernelWriter {
  /// A sum over a row: the scalar that its loop adds to, and if it is made in blocks its total.
  struct RowSum {
    let entry: Cluster.Entry
    let scalar: Int
    var blocks: (group: Int, size: Int)?
    /// Places of the total and its error on the stack.
    var total: SumArray?, error: SumArray?
    let dtype: DType
  }

  /// The accumulator of a row reduction over the given loops, and what has to stand before them.
  func rowSum(
    _ entry: Cluster.Entry, _ reduction: Reduction, over groups: [Int],
    _ row: inout [Statement], _ builder: inout KernelBuilder
  ) -> RowSum {
    let dtype = region.type(of: entry.result).dtype
    var sum = RowSum(entry: entry, scalar: builder.newScalar(dtype), dtype: dtype)
    let extents = groups.map { nest.groups[$0].extent }
    guard reduction == .sum, dtype.isFloat, let blocks = SumBlocks.row(extents) else {
      row.append(.accumulator(scalar: sum.scalar, initial: reduction.neutralElement(of: dtype)))
      return sum
    }
    sum.blocks = (groups[blocks.level], blocks.size)
    let (total, error) = (array(over: [], dtype, &builder), array(over: [], dtype, &builder))
    (sum.total, sum.error) = (total, error)
    row += clear(total, dtype, &builder) + clear(error, dtype, &builder)
    return sum
  }

  /// What stands around each block of a row's sum.
  func frame(of sum: RowSum, _ builder: inout KernelBuilder) -> LoopFrame? {
    guard let blocks = sum.blocks, let total = sum.total, let error = sum.error else { return nil }
    var after: [Statement] = []
    let old = builder.defineAnew(.loadLocal(total.local, total.index), sum.dtype, in: &after)
    let lost = builder.defineAnew(.loadLocal(error.local, error.index), sum.dtype, in: &after)
    let new = builder.twoSum(old, sum.scalar, error: lost, sum.dtype, in: &after)
    after.append(.storeLocal(total.local, total.index, scalar: new.sum))
    after.append(.storeLocal(error.local, error.index, scalar: new.error))
    return LoopFrame(
      group: blocks.group, size: blocks.size,
      before: [.accumulator(scalar: sum.scalar, initial: 0)], after: after)
  }

  /// The scalar that has the result of a row's reduction, once its loops are done.
  func result(
    of sum: RowSum, _ row: inout [Statement], _ builder: inout KernelBuilder
  ) -> Int {
    guard let total = sum.total, let error = sum.error else { return sum.scalar }
    let all = builder.defineAnew(.loadLocal(total.local, total.index), sum.dtype, in: &row)
    let lost = builder.defineAnew(.loadLocal(error.local, error.index), sum.dtype, in: &row)
    return builder.corrected(all, error: lost, sum.dtype, in: &row)
  }
}
