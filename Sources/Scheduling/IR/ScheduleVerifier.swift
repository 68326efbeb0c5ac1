// SPDX-License-Identifier: Apache-2.0
//
// What holds of a schedule between any two passes. Tests run it after every pass; a pass that breaks a
// rule is found there, not in the numbers of a library.
//
//   - Every value that a step reads is an input, was made by a step before it, or is made by the
//     step's own cluster before its reader.
//   - One step makes a value, but for arrays filled by several copies and carries, whose first value
//     may be copied before the loop.
//   - Members of clusters stand where `Cluster.placement` allows; clusters have members.
//   - Views lie inside the arrays they look at; windows and shared arrays are large enough.
//   - Nobody reads a value after another one has taken its array.
//   - Once arrays are assigned, every value in memory has an address inside an array.

import TensorIR

extension Schedule {
  /// What is wrong with the schedule, a line for each fault; empty for a good one.
  ///
  /// - Cost: linear in the number of operands, times the members of clusters.
  package func faults() -> [String] { region.faults(path: name) + overlaps() }

  /// Arrays that lie in each other in the arena though both are needed during a step.
  private func overlaps() -> [String] {
    guard arenaBytes > 0 || workerArenaBytes > 0 else { return [] }
    return ([memory] + workerBlocks).flatMap { block in
      block.overlaps { buffer in
        switch arrays.buffers[buffer].placement {
        case .arena(let offset), .workerArena(let offset):
          offset..<(offset + arrays.buffers[buffer].byteCount)
        case .input, .output, .faults: nil
        }
      }.map { "arrays \(arrays.buffers[$0].name) and \(arrays.buffers[$1].name) overlap" }
    }
  }
}

extension MemoryBlock {
  /// Pairs of buffers with common bytes whose lifetimes meet.
  fileprivate func overlaps(_ bytes: (Int) -> Range<Int>?) -> [(Int, Int)] {
    // What a block inside needs is needed during its step.
    let spans = items.map { item -> (lifetime: ClosedRange<Int>, buffers: [Int]) in
      (item.lifetime, item.content.buffers)
    }
    var found: [(Int, Int)] = []
    for (index, one) in spans.enumerated() {
      for other in spans[..<index] where one.lifetime.overlaps(other.lifetime) {
        for a in one.buffers {
          for b in other.buffers {
            guard let first = bytes(a), let second = bytes(b), first.overlaps(second) else {
              continue
            }
            found.append((a, b))
          }
        }
      }
      if case .block(let inner) = items[index].content { found += inner.overlaps(bytes) }
    }
    return found
  }
}

extension MemoryBlock.Content {
  /// The buffer, or those of the block and of the blocks inside.
  fileprivate var buffers: [Int] {
    switch self {
    case .buffer(let buffer): [buffer]
    case .block(let block): block.items.flatMap(\.content.buffers)
    }
  }
}

extension RegionSchedule {
  /// - Parameter panels: packed before the region begins.
  fileprivate func faults(path: String, panels: [ValueID] = []) -> [String] {
    var check = RegionCheck(region: self, panels: panels)
    check.run()
    return check.faults.map { "\(path): \($0)" }
      + steps.flatMap { step -> [String] in
        guard case .loop(let loop) = step else { return [] }
        return loop.body.faults(
          path: "\(path) > \(loop.body.name)", panels: loop.panels.map(\.inner))
      }
  }
}

/// Checks one region.
private struct RegionCheck {
  let region: RegionSchedule
  var faults: [String] = []
  /// Values that steps before the one at hand have made, and those of inputs.
  private var made: Set<ValueID>
  /// For arrays of which several values live, the value that is in it now.
  private var tenants: [ValueID: ValueID] = [:]
  /// The slot in which each carry of the body lives.
  private var slots: [ValueID: ValueID] = [:]

  /// - Parameter panels: packed before the region begins.
  init(region: RegionSchedule, panels: [ValueID]) {
    self.region = region
    made = Set(region.inputs + panels)
    for output in region.outputs {
      guard let replaced = output.replaces else { continue }
      slots[replaced] = output.slot
      tenants[output.slot] = replaced
    }
  }

  mutating func run() {
    for step in region.steps {
      checkReads(of: step)
      checkMembers(of: step)
      checkViews(of: step)
      checkWrites(of: step)
    }
    for output in region.outputs { checkOutput(output) }
    checkHomes()
  }

  private mutating func expect(_ holds: Bool, _ fault: @autoclosure () -> String) {
    if !holds { faults.append(fault()) }
  }

  // MARK: Order

  private mutating func checkReads(of step: ScheduleStep) {
    for value in step.reads {
      expect(made.contains(value), "\(value) is read before it is made")
      checkTenant(value)
    }
  }

  /// Whether what is in the array of a value is still that value.
  private mutating func checkTenant(_ value: ValueID) {
    let array = arrayOf(value)
    guard let tenant = tenants[array], tenant != value else { return }
    expect(false, "\(value) is read after \(tenant) took its array")
  }

  /// The value that stands for an array: the slot of a carry for the input that lives there, too.
  private func arrayOf(_ value: ValueID) -> ValueID {
    if case .window = region.values[value.index].home { return value }
    let holder = region.holder(value)
    return slots[holder] ?? holder
  }

  private mutating func checkWrites(of step: ScheduleStep) {
    let isPartial =
      switch step {
      case .copy: true
      case .cluster, .contraction, .lone, .check, .attention, .loop, .packing: false
      }
    for value in step.writes {
      let isCarry =
        if case .loop(let loop) = step {
          loop.loop.carryRange.contains { loop.carry($0) == value }
        } else {
          false
        }
      expect(isPartial || isCarry || !made.contains(value), "\(value) is made twice")
      made.insert(value)
      if region.window(of: value) == nil { tenants[arrayOf(value)] = value }
    }
    made.formUnion(region.valuesMade(by: step))
  }

  private mutating func checkOutput(_ output: RegionOutput) {
    guard case .view(let view)? = region.binding(of: output.value) else { return }
    let isSlot = view.root == output.slot
    let isFilled =
      isSlot
      ? made.contains(output.slot) || made.contains { region.holder($0) == output.slot }
      : made.contains(view.root)
    expect(isFilled, "output \(output.value) is not made")
    if !isSlot { checkTenant(view.root) }
  }

  // MARK: Clusters

  private mutating func checkMembers(of step: ScheduleStep) {
    guard let cluster = step.cluster else { return }
    expect(!cluster.entries.isEmpty, "a cluster without members")
    var built = Cluster(domain: cluster.domain)
    if let accumulator = cluster.accumulator {
      if case .contraction(let contraction) = step {
        expect(
          contraction.node.result == accumulator, "an epilogue of \(accumulator), made elsewhere")
      }
      built.follow(accumulator)
    } else if case .contraction = step {
      expect(false, "an epilogue that does not say what it follows")
    }
    for entry in cluster.entries {
      for view in entry.views where cluster.has(view.root) && !built.has(view.root) {
        expect(false, "\(view.root) is read by \(entry.result) before its cluster makes it")
      }
      let allowed = built.placement(
        of: entry.node, entry.operands.map { inDomain($0, of: cluster) }, in: region)
      expect(
        allowed.map { $0.mayBe(entry.placement) } ?? false,
        "\(entry.result) cannot be \(entry.placement) of its cluster")
      built.append(entry)
    }
    expect(built.rowAxes == cluster.rowAxes, "rows of a cluster are not those of its sums")
  }

  /// An epilogue finds the elements of its contraction in the order in which it walks, whatever shape
  /// it reads them in.
  private func inDomain(_ operand: Binding, of cluster: Cluster) -> Binding {
    guard case .view(let view) = operand, view.root == cluster.accumulator, view.offset == 0,
      view.isContiguous, view.shape.reduce(1, *) == cluster.domain.reduce(1, *)
    else { return operand }
    return .view(View(dense: view.root, shape: cluster.domain))
  }

  // MARK: Views

  private mutating func checkViews(of step: ScheduleStep) {
    let views: [View] =
      switch step {
      case .cluster(let cluster): cluster.views
      case .contraction(let contraction):
        [contraction.lhs, contraction.rhs] + (contraction.epilogue?.views ?? [])
      case .lone(let lone): lone.operands
      case .check(_, .view(let view)): [view]
      case .check: []
      case .attention(_, let operands): operands
      case .copy(let copy):
        [copy.destination]
          + [copy.source].compactMap {
            if case .view(let view) = $0 { view } else { nil }
          }
      case .loop(let loop):
        loop.operands.compactMap { if case .view(let view) = $0 { view } else { nil } }
      case .packing: []
      }
    for view in views {
      expect(isInside(view), "a view of \(view.root) leaves it")
      expect(
        region.window(of: view.root).map { view.moved(into: $0.view) != nil } ?? true,
        "\(view.root) is read as its window does not allow")
    }
  }

  private func isInside(_ view: View) -> Bool {
    let last = zip(view.shape, view.strides).reduce(view.offset) { $0 + max(0, ($1.0 - 1) * $1.1) }
    let first = zip(view.shape, view.strides).reduce(view.offset) {
      $0 + min(0, ($1.0 - 1) * $1.1)
    }
    return view.shape.contains(0)
      || first >= 0
        && last < max(1, region.type(of: view.root).elementCount)
  }

  // MARK: Homes

  private mutating func checkHomes() {
    let uses = Liveness(region)
    let isAssigned = !region.memory.items.isEmpty
    for (index, value) in region.values.enumerated() {
      let id = ValueID(index: index)
      switch value.home {
      case .own: break
      case .window(let window):
        expect(isInside(window.view), "the window of \(id) leaves \(window.view.root)")
        expect(
          window.view.shape == value.type.shape && region.window(of: window.view.root) == nil,
          "the window of \(id) is no window of an array")
      case .shared(let other):
        let type = region.type(of: other)
        expect(
          type.elementCount == value.type.elementCount && type.dtype == value.type.dtype,
          "\(id) does not fit into the array of \(other)")
      }
      if isAssigned, uses.needsStorage.contains(id), made.contains(id) {
        expect(
          region.values[region.holder(id).index].address != nil, "\(id) has no address")
      }
    }
  }
}

extension ClusterPlacement {
  /// Whether a value that can be made at this place may be made at another: in the same way, and not
  /// in an earlier traversal.
  fileprivate func mayBe(_ other: ClusterPlacement) -> Bool {
    switch (self, other) {
    case (.element(let earliest), .element(let phase)), (.row(let earliest), .row(let phase)),
      (.rowReduction(let earliest), .rowReduction(let phase)),
      (.memoryReduction(let earliest), .memoryReduction(let phase)):
      phase >= earliest
    default: false
    }
  }
}
