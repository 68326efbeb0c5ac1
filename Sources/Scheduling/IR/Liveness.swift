// SPDX-License-Identifier: Apache-2.0
//
// Liveness of a region's schedule: which step first writes each value and which last reads it, and
// which values need memory at all (most results inside a cluster live in registers).

import Kernels
import TensorIR

struct Liveness {
  /// First step that writes a value.
  private(set) var firstWrite: [ValueID: Int] = [:]
  /// Last step that writes a value.
  private(set) var lastWrite: [ValueID: Int] = [:]
  /// Last step that reads a value; `steps.count` for what leaves the region.
  private(set) var lastRead: [ValueID: Int] = [:]
  private(set) var needsStorage: Set<ValueID> = []
  /// Values that one traversal of a row makes and a later one reads, of rows that fit on the stack.
  private(set) var crossesPhases: Set<ValueID> = []
  /// Steps that read each value, increasing.
  private var readers: [ValueID: [Int]] = [:]
  /// The value whose array has a value that lives in a window; it is written and read with it.
  private let holders: [ValueID: ValueID]

  /// - Cost: linear in the number of operands of all ops.
  init(_ region: RegionSchedule) {
    var holders: [ValueID: ValueID] = [:]
    for index in region.values.indices {
      let value = ValueID(index: index)
      switch region.values[index].home {
      case .own: continue
      case .window(let window): holders[value] = window.view.root
      case .shared: break
      }
      needsStorage.insert(value)
    }
    self.holders = holders
    for (position, step) in region.steps.enumerated() { visit(step, at: position, in: region) }
    for root in region.outputs.compactMap({ region.binding(of: $0.value)?.root }) {
      lastRead[root] = region.steps.count
      needsStorage.insert(root)
    }
  }

  /// The steps during which an array that a value is made in must exist; `nil` for values that no
  /// step makes.
  func lifetime(of value: ValueID) -> ClosedRange<Int>? {
    guard let first = firstWrite[value], let lastWrite = lastWrite[value] else { return nil }
    return first...max(lastRead[value] ?? first, lastWrite)
  }

  private mutating func visit(_ step: ScheduleStep, at position: Int, in region: RegionSchedule) {
    for value in step.reads { read(value, at: position, storing: true) }
    for value in step.writes { write(value, at: position) }
    let cluster = step.cluster
    if let cluster { visit(cluster, at: position, in: region) }
    // Results nobody reads still need a place to be written to, if their step writes to memory.
    for value in step.writes {
      switch cluster?.placement(of: value) {
      case .memoryReduction: needsStorage.insert(value)
      case .element, .row, .rowReduction: break
      case nil: needsStorage.insert(value)
      }
    }
  }

  /// The values that wait for later traversals of a row: on the stack, or in memory.
  private mutating func visit(_ cluster: Cluster, at position: Int, in region: RegionSchedule) {
    var waiting = Set<ValueID>()
    for entry in cluster.entries {
      for view in entry.views
      where Self.crossesPhase(view.root, reader: entry.placement, cluster)
        && cluster.repeatedEntry(of: view.root) == nil
      {
        let bytes = cluster.rowElementCount * region.type(of: view.root).dtype.byteCount
        let fitsOnStack =
          bytes <= Machine.stackBytesOfRow
          && (waiting.contains(view.root) || waiting.count < Machine.stackRows)
        if fitsOnStack { waiting.insert(view.root) }
        read(view.root, at: position, storing: !fitsOnStack)
      }
    }
    crossesPhases.formUnion(waiting)
  }

  /// Whether a value made in one traversal of a row is read in a later one.
  private static func crossesPhase(
    _ value: ValueID, reader: ClusterPlacement, _ cluster: Cluster
  ) -> Bool {
    guard case .element(let made) = cluster.placement(of: value) else { return false }
    switch reader {
    case .element(let phase), .rowReduction(let phase), .memoryReduction(let phase):
      return phase > made
    case .row: return false
    }
  }

  private mutating func read(_ value: ValueID, at position: Int, storing: Bool) {
    lastRead[value] = max(lastRead[value] ?? position, position)
    if readers[value]?.last != position { readers[value, default: []].append(position) }
    if storing { needsStorage.insert(value) }
    if let holder = holders[value] { read(holder, at: position, storing: storing) }
  }

  private mutating func write(_ value: ValueID, at position: Int) {
    if firstWrite[value] == nil { firstWrite[value] = position }
    lastWrite[value] = position
    if let holder = holders[value] { write(holder, at: position) }
  }

  /// Whether `new` may be made in the array of `old`, a carry whose next value it is: nothing may
  /// read `old` after the first write of `new`, except the very elements that are being replaced.
  func mayOverwrite(_ old: ValueID, with new: ValueID, in region: RegionSchedule) -> Bool {
    guard let first = firstWrite[new] else { return false }
    let last = readers[old]?.last ?? -1
    if last < first { return true }
    guard last == first, let cluster = region.steps[first].cluster, cluster.rowAxes == nil,
      case .element = cluster.placement(of: new)
    else { return false }
    if case .contraction(let contraction) = region.steps[first],
      contraction.operandsRead.contains(old)
    {
      return false
    }
    let whole = View(dense: old, shape: cluster.domain)
    return cluster.views.allSatisfy { $0.root != old || $0 == whole }
  }
}
