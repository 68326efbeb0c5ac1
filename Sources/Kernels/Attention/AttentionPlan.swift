// SPDX-License-Identifier: Apache-2.0
//
// How one attention function is computed, decided once: tiles and where they lie in scratch memory
// (`AttentionTiling`), and the products of one tile (`AttentionProducts`).

/// Attention with all that its kernel's text says.
package struct AttentionPlan: Sendable {
  package let shape: AttentionShape
  package let machine: Machine
  package let tiling: AttentionTiling
  package let products: AttentionProducts
  /// The scratch memory of one worker.
  package let scratch: AttentionScratch
  /// Side of the squares of a tile that are transposed in registers.
  package let transposedLanes: Int

  /// Plans the kernel of `shape`.
  ///
  /// - Cost: a few thousand operations.
  package init(_ shape: AttentionShape, on machine: Machine) {
    precondition(shape.heads % shape.keyHeads == 0, "query heads share key heads evenly")
    self.shape = shape
    self.machine = machine
    tiling = AttentionTiling(shape, on: machine)
    products = AttentionProducts(shape, tiling, on: machine)
    var scratch = AttentionScratch(shape, tiling)
    let (work, element) = (products.scratchBytes, shape.element.bytes)
    if work > 0 { scratch.shared.add("work", (work + element - 1) / element) }
    self.scratch = scratch
    let smallest = Machine.transposedLanes(0, shape.element)
    var block = machine.lanes(shape.element)
    while block > smallest && block > min(tiling.queries, shape.width) { block /= 2 }
    transposedLanes = block
  }

  /// Number of units the work can be split into: blocks of queries for the value and the tangent,
  /// heads of keys for the adjoints, which sum over all queries.
  package var splitCount: Int { tiling.unitCount(shape) }

  /// Bytes of scratch memory, aligned to 64, for each concurrent call. It holds tiles and does not
  /// grow with the length of the sequence.
  package var scratchBytes: Int {
    let elements = scratch.shared.elementCount + tiling.blockTiles * scratch.queryTile.elementCount
    return elements * shape.element.bytes
  }

  /// Floating-point operations done, masked halves of tiles on the diagonal and edges included.
  package var executedFlops: Int { tiling.executedFlops(shape) }
}

extension AttentionPlan: Hashable {
  /// A plan follows from the shape and the machine.
  package static func == (lhs: Self, rhs: Self) -> Bool {
    lhs.shape == rhs.shape && lhs.machine == rhs.machine
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(shape) }
}
