// SPDX-License-Identifier: Apache-2.0
//
// Which kind of kernel a contraction gets. The question is always the same: what has to be
// copied, and does enough arithmetic follow to pay for the copy? Thresholds come from the
// benchmark in Benchmarks/kernels; each is a ratio of sizes, so it holds on other machines.

import Scheduling

/// The kinds of kernel, each with the choices its writer needs.
enum ContractionStrategy {
  /// Operands are read in place; see `DirectContraction`.
  case direct(RegisterTiling, innerBlock: Int?)
  /// The right operand, and the left one if that pays, is copied into panels.
  case packed(PackedBlocking)
  /// Vector lanes run over a batch loop.
  case lane(LaneTiling)
  /// Vector lanes run over the sum.
  case dot(DotTiling)

  /// The kind in words, for `contraction`.
  func label(_ contraction: CanonicalContraction) -> String {
    kind(contraction) + (contraction.epilogue == nil ? "" : ", epilogue")
  }

  private func kind(_ contraction: CanonicalContraction) -> String {
    switch self {
    case .direct(_, innerBlock: nil): "direct"
    case .direct: "direct, streaming"
    case .packed(let blocking):
      switch (blocking.packsLeft && !contraction.hasLeftPanels, !contraction.hasRightPanels) {
      case (true, true): "both operands packed"
      case (true, false): "panels, left operand packed"
      case (false, true) where contraction.hasLeftPanels: "panels, right operand packed"
      case (false, true): "packed"
      case (false, false): "panels"
      }
    case .lane: "lanes"
    case .dot: "dot products"
    }
  }

  /// Chooses the kernel for `contraction`.
  init(_ contraction: CanonicalContraction, _ target: ContractionTarget) {
    let facts = ContractionFacts(contraction, target)
    if let lane = contraction.lane {
      self = .lane(LaneTiling(contraction, lane: lane, model: facts.model))
    } else if facts.prefersDot {
      self = .dot(DotTiling(contraction, model: facts.model))
    } else if facts.prefersPacking {
      self = .packed(PackedBlocking(contraction, facts.packedTiling, target))
    } else {
      let isVector = facts.hasColumnVectors && facts.storesVectors
      self = .direct(facts.tiling(isVector: isVector), innerBlock: facts.streamingBlock)
    }
  }
}

/// Sizes and strides of a contraction as the choice of strategy sees them.
private struct ContractionFacts {
  let contraction: CanonicalContraction
  let target: ContractionTarget
  let model: IssueModel

  init(_ contraction: CanonicalContraction, _ target: ContractionTarget) {
    self.contraction = contraction
    self.target = target
    model = IssueModel(target, contraction.element)
  }

  /// The cheapest register tiles, of vectors or of single columns.
  func tiling(isVector: Bool) -> RegisterTiling {
    .cheapest(
      rows: rows, columns: columns, depth: contraction.depth, isVector: isVector, model: model)
  }

  /// The cheapest register tiles of a kernel that packs.
  ///
  /// Where the sum is cut into blocks, a panel of the shallowest has room in the first-level cache:
  /// 80 columns of f32 were measured slower than 48 or 64. Blocks are deeper, hence panels narrower,
  /// where every block has to fetch C from memory: at 4096 x 4096, 48 columns beat 64 by a tenth.
  var packedTiling: RegisterTiling {
    let resultBytes = rows * columns * contraction.element.bytes
    let isFar = resultBytes > 8 * target.secondCacheBytes
    let depth = isFar ? PackedBlocking.shallowest * 5 / 4 : PackedBlocking.shallowest
    let vectors = target.firstCacheBytes / (depth * target.vectorBytes)
    return .cheapest(
      rows: rows, columns: columns, depth: contraction.depth, isVector: true, model: model,
      widest: contraction.depth > PackedBlocking.shallowest ? min(max(vectors, 1), 6) : 6)
  }

  private var rows: Int { contraction.rows.extent }
  private var columns: Int { contraction.columns.extent }
  /// Whether a vector of columns can be loaded from the right operand where it lies.
  var hasColumnVectors: Bool { contraction.columns.strideB == 1 || columns == 1 }
  /// Whether a vector of columns can be stored to C.
  var storesVectors: Bool { contraction.columns.strideC == 1 || columns == 1 }

  private var rightBytes: Int {
    contraction.depth * columns * contraction.element.bytes
  }

  /// Rows of the right operand that fall on the same few sets of the first-level cache.
  private var hasCollidingRows: Bool {
    let bytes = contraction.inner.strideB * contraction.element.bytes
    return bytes > 0 && bytes % 2048 == 0 && contraction.inner.extent > 64
  }

  /// Both operands are contiguous along the sum, and too few products share a vector of columns,
  /// or too few rows would share a transposed copy.
  var prefersDot: Bool {
    let inner = contraction.inner
    guard inner.strideA == 1, inner.strideB == 1, inner.extent >= 8 else { return false }
    if contraction.columns.strideC != 1 || columns <= model.lanes / 4 { return true }
    if hasColumnVectors { return false }
    return rows <= 4 || (rows <= 8 && inner.extent >= 256)
  }

  var prefersPacking: Bool {
    guard contraction.canPack else { return false }
    if !hasColumnVectors { return contraction.inner.strideB == 1 || rows >= 3 }
    if contraction.hasCollidingLeft(target) && columns > 2 * model.lanes { return true }
    if rightBytes <= target.firstCacheBytes * 3 / 4 { return false }
    if hasCollidingRows { return rows >= 8 }
    return rightBytes > target.secondCacheBytes / 2 && rows >= 12
  }

  /// The number of inner steps per sweep when a large right operand is read once or twice: short
  /// enough that every sweep reads whole rows, so that the hardware prefetches them.
  var streamingBlock: Int? {
    let isLong = rightBytes > target.secondCacheBytes && columns > 8 * model.lanes
    let applies =
      isLong && hasColumnVectors && contraction.outerInner.isEmpty
      && contraction.columns.strideC == 1 && contraction.inner.extent > 32
    return applies ? 16 : nil
  }
}

extension CanonicalContraction {
  /// Whether a kernel that copies the right operand can write C: it stores vectors of columns.
  var canPack: Bool { columns.extent > 1 && columns.strideC == 1 }

  /// Whether a tile walks down a large left operand's lines, of which it uses a part, and all of
  /// them fall on the same few sets of the caches: the rest of a line is gone when it is wanted.
  func hasCollidingLeft(_ target: ContractionTarget) -> Bool {
    let isLarge = rows.extent * depth * element.bytes > target.secondCacheBytes / 2
    return rows.strideA == 1 && inner.strideA * element.bytes % 2048 == 0 && inner.extent > 64
      && isLarge
  }
}
