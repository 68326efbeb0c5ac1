// SPDX-License-Identifier: Apache-2.0
//
// From a cluster to its loop nest. Without row reductions it is one nest over the domain; with them:
//
//   for each row:
//     for each phase:
//       declare the accumulators of this phase
//       for each element of the row: compute, accumulate, store
//       compute and store the row's values that are now known
//
// What a phase leaves for later phases, and nothing else reads, stays in an array on the stack. A
// short innermost loop is done in whole vectors (`LaneLoop`), and short rows in blocks:
//
//   for each block of rows:
//     for each phase:
//       for each row of the block: declare accumulators; for each element: compute, accumulate, store
//       for each row of the block: compute and store the row's values that are now known
//
// A row of one vector is a chain of operations that wait for each other; in a block, many such
// chains are under way at once, and what is computed once a row runs in vector lanes too.

import Kernels
import TensorIR

extension KernelBuilder {
  /// The kernel of a cluster.
  ///
  /// - Cost: one pass over every array read or written, per phase that touches it.
  mutating func kernel(
    for cluster: Cluster, in region: RegionSchedule, uses: Liveness,
    parts: PartialSums? = nil
  ) -> Kernel {
    var writer = ClusterKernelWriter(cluster, in: region, uses: uses, parts: parts)
    let statements = writer.statements(&self)
    return kernel(
      statements, equations: writer.equations, lanes: writer.lanes,
      split: parts.map { ($0.variable, $0.count) } ?? writer.sharedLoop(isLarge: isLarge),
      cut: parts.map { LoopCut(variable: $0.group, part: $0.variable, count: $0.count) })
  }
}

extension KernelBuilder {
  /// The work of a cluster as the epilogue of a contraction: one loop over the rows of C, one over
  /// its columns.
  mutating func epilogue(
    _ cluster: Cluster, in region: RegionSchedule, uses: Liveness, columns: Int
  ) -> Kernel {
    guard let nest = cluster.nest(columns: columns, in: region) else {
      preconditionFailure("compiler bug: an epilogue over other loops than its contraction")
    }
    var writer = ClusterKernelWriter(cluster, in: region, uses: uses, nest: nest)
    let statements = writer.statements(&self)
    return kernel(statements, equations: writer.equations)
  }
}

/// The reductions of a cluster to be made in parts: those of a large kernel that cannot be shared out
/// otherwise. `nil` if there are none.
func partialSums(
  of cluster: Cluster, in region: RegionSchedule, uses: Liveness
) -> PartialSums? {
  ClusterKernelWriter(cluster, in: region, uses: uses).partialSums
}

/// Writes the statements of one cluster.
struct ClusterKernelWriter {
  let cluster: Cluster
  let region: RegionSchedule
  let uses: Liveness
  let nest: LoopNest
  let lanes: LaneLoop?
  /// Scalars of values made in this kernel, in the traversal at hand or in the row.
  private var made: [ValueID: Int] = [:]
  /// The loop over the rows of a block, if rows are done in blocks.
  private let rowInBlock: Int?
  private let parts: PartialSums?
  /// Long sums in memory.
  private var sums: [BlockedMemorySum] = []
  /// The array on the stack of each value that waits for a later traversal there.
  private var locals: [ValueID: Int] = [:]
  /// Stores to come at the end of the body at hand: a carry updated in place may still be read by
  /// any op of the same body, in whatever order the ops stand.
  private var stores: [Statement] = []

  init(
    _ cluster: Cluster, in region: RegionSchedule, uses: Liveness,
    parts: PartialSums? = nil
  ) {
    self.cluster = cluster
    self.parts = parts
    self.region = region
    self.uses = uses
    var nest = cluster.nest(in: region, uses)
    var lanes = cluster.laneLoop(in: nest, region)
    rowInBlock = lanes.flatMap { _ in cluster.blockRows(in: &nest) }
    if rowInBlock != nil { lanes?.variable += 1 }
    self.nest = nest
    self.lanes = lanes
  }

  /// - Parameter nest: loops that are given.
  init(
    _ cluster: Cluster, in region: RegionSchedule, uses: Liveness, nest: LoopNest
  ) {
    self.cluster = cluster
    self.region = region
    self.uses = uses
    self.nest = nest
    (lanes, rowInBlock, parts) = (nil, nil, nil)
  }

  /// What the kernel computes: a line for each result.
  var equations: [String] { region.equations(of: cluster, storing: uses.needsStorage) }

  /// The loop to share out: one over which no result is reduced.
  func sharedLoop(isLarge: Bool) -> (variable: Int, extent: Int)? {
    let reduced = cluster.entries.flatMap { entry -> [Int] in
      switch (entry.placement, entry.node.op) {
      case (.rowReduction, .reduce(_, let axes)), (.memoryReduction, .reduce(_, let axes)): axes
      default: []
      }
    }
    let independent = nest.groups.indices.filter { number in
      !reduced.contains(nest.groups[number].axes[0]) && number != rowInBlock
    }
    let loop = nest.sharedLoop(among: independent, isLarge: isLarge, on: region.machine)
    // Whole vectors cannot be cut, nor is there any other loop in a nest without one around them.
    return loop?.variable == lanes?.variable ? nil : loop
  }

  /// Parts of the outermost loop that can be cut: not one that a row's traversal does.
  var partialSums: PartialSums? {
    var cost = KernelBuilder(for: region.machine) { _ in Pointer(buffer: 0) }
    countCost(&cost)
    let shared = sharedLoop(isLarge: cost.isLarge)
    // A loop inside of the reduced one has known extent only if it is not the one to share out.
    let isInside = shared.map { $0.variable > 0 } ?? true
    let enough = isInside ? region.machine.sharedColumns : region.machine.sharedIterations
    guard cost.isLarge, shared?.extent ?? 1 < enough else { return nil }
    return nest.groups.indices.lazy.compactMap { group -> PartialSums? in
      let axis = nest.groups[group].axes[0]
      let isInRow = cluster.rowAxes?.contains(axis) ?? false
      guard !isInRow, group != rowInBlock, group != lanes?.variable else { return nil }
      let results = cluster.entries.compactMap { entry -> PartialSums.Result? in
        let node = entry.node
        guard case .memoryReduction = entry.placement,
          case .reduce(let reduction, let axes) = node.op, axes.contains(axis)
        else { return nil }
        return .init(
          value: node.result, type: region.type(of: node.result), reduction: reduction)
      }
      return PartialSums(
        group: group, extent: nest.groups[group].extent, variable: nest.groups.count,
        results: results, on: region.machine)
    }.first
  }

  // MARK: Statements

  mutating func statements(_ builder: inout KernelBuilder) -> [Statement] {
    countCost(&builder)
    let preamble = initializeMemoryReductions(&builder)
    sums = blockedSums(&builder)
    let frames = frames(of: sums, &builder)
    guard cluster.rowAxes != nil else {
      let body = elementStatements(phase: 0, &builder)
      return inParts(preamble + nest.loops(over: Array(nest.groups.indices), body, in: frames))
    }
    let rowGroups = nest.groups(in: cluster.keptAxes).filter { $0 != rowInBlock }
    var row: [Statement] = []
    for phase in 0...lastPhase {
      inRows(&row, &builder) { $0.traverseRow(phase: phase, &$1, &$2) }
      inRows(&row, &builder) { writer, builder, row in
        for entry in writer.cluster.entries where entry.placement == .row(phase: phase) {
          writer.compute(entry, &builder, &row)
        }
        writer.appendStores(to: &row, &builder)
      }
    }
    return inParts(preamble + nest.loops(over: rowGroups, row, in: frames))
  }

  /// Everything that is done for one part, for all of them.
  private func inParts(_ statements: [Statement]) -> [Statement] {
    guard let parts else { return statements }
    return [.loop(variable: parts.variable, extent: parts.count, body: statements)]
  }

  /// The parameter of a memory reduction's result, or of its partial results.
  func memoryReductionParameter(
    _ result: ValueID, _ builder: inout KernelBuilder
  ) -> Int {
    builder.parameter(
      for: parts?.partial(of: result) ?? result, region.type(of: result).dtype, written: true)
  }

  /// The place of an element of a memory reduction's result.
  func memoryReductionIndex(_ entry: Cluster.Entry) -> ElementIndex {
    var index = nest.index(offset: 0, strides: cluster.resultStrides(entry, in: region))
    let result = entry.result
    if let parts, parts.partial(of: result) != nil {
      let size = region.type(of: result).elementCount
      index.terms.insert(.init(variable: parts.variable, stride: size), at: 0)
    }
    return index
  }

  /// Adds what `body` writes for one row: as it is, or for every row of the block.
  private mutating func inRows(
    _ statements: inout [Statement], _ builder: inout KernelBuilder,
    _ body: (inout Self, inout KernelBuilder, inout [Statement]) -> Void
  ) {
    guard let rowInBlock else { return body(&self, &builder, &statements) }
    let outside = made
    let row = builder.scope { builder in
      var row: [Statement] = []
      body(&self, &builder, &row)
      return row
    }
    made = outside
    if !row.isEmpty { statements += nest.loops(over: [rowInBlock], row) }
  }

  /// Writes one traversal of a row, and its sums.
  private mutating func traverseRow(
    phase: Int, _ builder: inout KernelBuilder, _ row: inout [Statement]
  ) {
    let kept = nest.groups(in: cluster.keptAxes)
    let groups = nest.groups.indices.filter { !kept.contains($0) }
    var accumulators: [RowSum] = []
    for entry in cluster.entries where entry.placement == .rowReduction(phase: phase) {
      let node = entry.node
      guard case .reduce(let reduction, _) = node.op else { continue }
      accumulators.append(rowSum(entry, reduction, over: groups, &row, &builder))
    }
    let rowValues = made
    let body = builder.scope { elementStatements(phase: phase, &$0, accumulators) }
    made = rowValues
    if body.isEmpty { return }
    let own = sums.filter { $0.entry.placement == .memoryReduction(phase: phase) }
    let frames = accumulators.compactMap { frame(of: $0, &builder) } + frames(of: own, &builder)
    row += nest.loops(over: groups, body, in: frames)
    for accumulator in accumulators {
      let result = accumulator.entry.result
      let scalar = self.result(of: accumulator, &row, &builder)
      made[result] = scalar
      store(result, accumulator.entry, scalar, &builder)
    }
    if rowInBlock != nil { appendStores(to: &row, &builder) }
  }

  private var lastPhase: Int {
    cluster.entries.map(\.placement.phase).max() ?? 0
  }

  /// The statements at one element of the domain.
  private mutating func elementStatements(
    phase: Int, _ builder: inout KernelBuilder,
    _ accumulators: [RowSum] = []
  ) -> [Statement] {
    var body: [Statement] = []
    for entry in cluster.entries {
      let node = entry.node
      switch entry.placement {
      case .element(phase):
        let isRepeated = cluster.repeatedEntry(of: node.result) != nil
        // What every traversal makes for itself is made where it is read.
        if isRepeated && !uses.needsStorage.contains(node.result) { continue }
        compute(entry, &builder, &body)
      case .rowReduction(phase):
        guard case .reduce(let reduction, _) = node.op,
          let scalar = accumulators.first(where: { $0.entry.result == entry.result })?.scalar
        else { continue }
        let value = read(0, of: entry, &builder, &body)
        body.append(.accumulate(scalar: scalar, reduction, value: value))
      case .memoryReduction(phase):
        guard case .reduce(let reduction, _) = node.op else { continue }
        let value = read(0, of: entry, &builder, &body)
        if let sum = sums.first(where: { $0.entry.result == entry.result }) {
          let dtype = region.type(of: node.result).dtype
          builder.accumulate(value, in: sum.block, dtype, to: &body)
          continue
        }
        body.append(
          .accumulateInMemory(
            parameter: memoryReductionParameter(node.result, &builder),
            memoryReductionIndex(entry), reduction, value: value))
      case .element, .row, .rowReduction, .memoryReduction:
        continue
      }
    }
    appendStores(to: &body, &builder)
    return body
  }

  private mutating func compute(
    _ entry: Cluster.Entry, _ builder: inout KernelBuilder, _ statements: inout [Statement]
  ) {
    let scalar = define(entry, &builder, &statements)
    store(entry.result, entry, scalar, &builder)
  }

  /// The scalar that a member computes.
  private mutating func define(
    _ entry: Cluster.Entry, _ builder: inout KernelBuilder, _ statements: inout [Statement]
  ) -> Int {
    let node = entry.node
    let operands = node.operands.indices.map { read($0, of: entry, &builder, &statements) }
    guard let op = node.op.elementwise else {
      preconditionFailure("compiler bug: \(node.op.name) is not elementwise")
    }
    let scalar = builder.define(
      .apply(op, operands), region.type(of: node.result).dtype,
      named: region.values[node.result.index].name, in: &statements)
    made[node.result] = scalar
    return scalar
  }

  private mutating func store(
    _ result: ValueID, _ entry: Cluster.Entry, _ scalar: Int, _ builder: inout KernelBuilder
  ) {
    if let place = placeOnStack(of: result, entry) {
      let dtype = region.type(of: result).dtype
      let local = builder.newLocal(dtype, elementCount: place.elementCount)
      locals[result] = local
      stores.append(.storeLocal(local, place.index, scalar: scalar))
    }
    guard uses.needsStorage.contains(result) else { return }
    let place = region.place(of: result)
    let parameter = builder.parameter(
      for: place.root, region.type(of: result).dtype, written: true)
    let strides = cluster.resultStrides(entry, in: region)
    stores.append(
      .store(
        parameter: parameter, nest.index(offset: place.offset, strides: strides), scalar: scalar))
  }

  /// The array on the stack in which a value waits for later loops of its row or block, and its
  /// place there; `nil` if it does not, or if memory does as well.
  ///
  /// A short row stays in registers that way, even if it is written to memory besides: what has just
  /// been written there in masked vectors is slow to read back.
  private func placeOnStack(
    of value: ValueID, _ entry: Cluster.Entry
  ) -> (elementCount: Int, index: ElementIndex)? {
    let rows = rowInBlock.map { nest.groups[$0].extent } ?? 1
    if Self.isOfRow(entry.placement) {
      return rowInBlock == nil ? nil : (rows, indexOfRow)
    }
    let isBetter = !uses.needsStorage.contains(value) || lanes != nil
    guard uses.crossesPhases.contains(value), isBetter else { return nil }
    return (rows * rowLength, indexInRow)
  }

  private static func isOfRow(_ placement: ClusterPlacement) -> Bool {
    switch placement {
    case .row, .rowReduction: true
    case .element, .memoryReduction: false
    }
  }

  /// Elements on the stack from one row of a block to the next.
  private var rowLength: Int {
    rowInBlock == nil ? cluster.rowElementCount : lanes?.paddedExtent ?? 0
  }

  /// The position of an element within its row, or block of rows.
  private var indexInRow: ElementIndex {
    let axes = cluster.rowAxes ?? []
    let strides = axes.map { cluster.domain[$0] }.denseStrides
    var index = nest.index(offset: 0, strides: cluster.spread(strides, over: axes))
    if let rowInBlock { index.terms.append(.init(variable: rowInBlock, stride: rowLength)) }
    return index
  }

  /// The position of a row within its block.
  private var indexOfRow: ElementIndex {
    ElementIndex(terms: rowInBlock.map { [.init(variable: $0, stride: 1)] } ?? [])
  }

  private mutating func appendStores(
    to statements: inout [Statement], _ builder: inout KernelBuilder
  ) {
    statements += stores
    for case .store(let parameter, _, _) in stores { builder.forgetLoads(of: parameter) }
    stores = []
  }

  /// The scalar that an operand of a member is, given its number.
  private mutating func read(
    _ number: Int, of entry: Cluster.Entry, _ builder: inout KernelBuilder,
    _ statements: inout [Statement]
  ) -> Int {
    let operand = entry.node.operands[number]
    var binding = entry.operands[number]
    switch binding {
    case .view(var view):
      if let scalar = made[view.root] { return scalar }
      if let local = locals[view.root] {
        let isRow = cluster.placement(of: view.root).map(Self.isOfRow) ?? false
        let dtype = region.type(of: operand).dtype
        let index = isRow ? indexOfRow : indexInRow
        return builder.define(.loadLocal(local, index), dtype, in: &statements)
      }
      if let repeated = cluster.repeatedEntry(of: view.root) {
        return define(repeated, &builder, &statements)
      }
      view = region.placed(view)
      view.strides = cluster.domainStrides(view.strides, entry.placement)
      binding = .view(view)
    case .axisIndex(let axis, let offset) where entry.placement.isRow:
      binding = .axisIndex(axis: cluster.keptAxes[axis], offset: offset)
    case .axisIndex, .constant, .stepIndex: break
    }
    return builder.read(
      binding, region.type(of: operand).dtype, named: region.values[operand.index].name, in: nest,
      &statements)
  }

  private mutating func initializeMemoryReductions(_ builder: inout KernelBuilder) -> [Statement] {
    var statements: [Statement] = []
    for entry in cluster.entries {
      let node = entry.node
      guard case .memoryReduction = entry.placement, case .reduce(let reduction, let axes) = node.op
      else { continue }
      let dtype = region.type(of: node.result).dtype
      let parameter = memoryReductionParameter(node.result, &builder)
      let place = memoryReductionIndex(entry)
      let kept = nest.groups.indices.filter { !axes.contains(nest.groups[$0].axes[0]) }
      let body = builder.scope { builder -> [Statement] in
        var body: [Statement] = []
        let zero = builder.define(
          .constant(reduction.neutralElement(of: dtype)), dtype, in: &body)
        body.append(.store(parameter: parameter, place, scalar: zero))
        return body
      }
      statements += nest.loops(over: kept, body)
    }
    return statements
  }

  private func countCost(_ builder: inout KernelBuilder) {
    var arrays: [ValueID: Int] = [:]
    for entry in cluster.entries {
      let node = entry.node
      let cost = node.op.cost(
        node.operands.map { region.type(of: $0) }, node.results.map { region.type(of: $0) })
      builder.count(flops: cost.flops, bytes: 0)
      for view in entry.views where !cluster.has(view.root) {
        arrays[view.root] = region.type(of: view.root).byteCount
      }
      if uses.needsStorage.contains(node.result) {
        arrays[node.result] = region.type(of: node.result).byteCount
      }
    }
    builder.count(flops: 0, bytes: arrays.values.reduce(0, +))
  }
}
