// SPDX-License-Identifier: Apache-2.0
//
// Makes the packing of a contraction's operand a step of its own, where that costs less than to
// pack it inside every kernel that reads it.
//
//   before:  loop strips: y = contract x, w       after:  w_panels = packing w
//                         z = contract u, w               loop strips: y = contract x, w_panels
//                                                                      z = contract u, w_panels
//
// Contractions that read one array in one layout share the copy, so a product and its tangent share
// panels; what a loop does not change is packed before the loop. Copies are values like any other:
// liveness and memory planning see them. Which layouts there are is for the target to say; whether
// an operand was packed before changes no sum. Not done here: contractions inside of attention.

import Kernels
import MixFuseShared
import TensorIR

/// An operand as a contraction reads it: equal keys share a copy.
struct PackingKey: Hashable {
  var root: ValueID
  /// Elements from the start of the root.
  var offset: Int
  var panels: PanelShape
}

/// The panels of a contraction's operands, in the order of `LoweredContraction`.
struct ContractionPanels {
  var a: ValueID?, b: ValueID?
}

/// Decides which operands are packed by a step of their own, region by region.
struct OperandPacking {
  private let options: ScheduleOptions
  private let sharing: SharingRule

  init(_ options: ScheduleOptions) {
    self.options = options
    sharing = SharingRule(options)
  }

  /// The time on this many workers is compared.
  private var workers: Double { Double(options.machine.cores) }

  /// Rewrites an outermost region and the loop bodies inside of it.
  func run(on region: inout RegionSchedule) { apply(to: &region, known: [:], decided: []) }

  // MARK: Demand

  /// The operands that contractions of the region pack, those of loop bodies included that the loop
  /// does not change.
  private func demands(of region: RegionSchedule) -> PackingDemands {
    var demands = PackingDemands()
    for (position, step) in region.steps.enumerated() {
      switch step {
      case .contraction(let contraction):
        let lowered = LoweredContraction(contraction)
        let keys = keys(of: lowered)
        let isSharedOut = sharing.isSharedOut(products: lowered.shape.flops, in: region)
        for (key, isRepeated) in [keys.a, keys.b].compactMap({ $0 }) {
          let isDivided = isSharedOut && !isRepeated
          demands.add(
            key, at: position, time: isDivided ? 1 / workers : 1,
            contraction.node.provenance)
        }
      case .loop(let loop):
        let trips = Double(loop.loop.tripCount) / (loop.isParallel ? workers : 1)
        let inner = self.demands(of: loop.body)
        for key in inner.keys {
          guard let outer = loop.outside(key), let demand = inner[key] else { continue }
          demands.add(outer, at: position, time: demand.time * trips, demand.provenance)
        }
      case .cluster, .lone, .attention, .check, .copy, .packing: break
      }
    }
    return demands
  }

  /// The operands of a contraction that it packs, and whether each worker packs all of them.
  private func keys(
    of contraction: LoweredContraction
  ) -> (a: (PackingKey, Bool)?, b: (PackingKey, Bool)?) {
    let operands = options.planner.plan(contraction.shape).packedOperands
    func key(_ operand: PackedOperands.Operand?, _ view: View) -> (PackingKey, Bool)? {
      operand.map {
        (PackingKey(root: view.root, offset: view.offset, panels: $0.panels), $0.isRepeated)
      }
    }
    return (key(operands.a, contraction.a), key(operands.b, contraction.b))
  }

  /// Whether a kernel of its own pays.
  private func isWorthwhile(
    _ panels: PanelShape, _ demand: PackingDemands.Demand, in region: RegionSchedule
  ) -> Bool {
    let isShared = sharing.isSharedOut(packedBytes: panels.bytesMoved, in: region)
    return demand.time > Machine.costOfCopy(keepsLines: panels.linePitch != nil)
      / (isShared ? workers : 1)
  }

  // MARK: Rewriting

  /// - Parameters:
  ///   - known: panels that the region finds already made.
  ///   - decided: operands that the region around has decided about, where all uses are known.
  private func apply(
    to region: inout RegionSchedule, known: [PackingKey: ValueID], decided: Set<PackingKey>
  ) {
    var panels = known
    var packings: [Int: [ScheduledPacking]] = [:]
    let demands = demands(of: region)
    for key in demands.keys where !decided.contains(key) {
      guard let demand = demands[key], isWorthwhile(key.panels, demand, in: region) else {
        continue
      }
      let destination = region.addPanels(key.panels, of: region.values[key.root.index].name)
      panels[key] = destination
      packings[demand.position, default: []].append(
        ScheduledPacking(operand: key, destination: destination, provenance: demand.provenance))
    }
    region.steps = region.steps.enumerated().flatMap { position, step in
      (packings[position] ?? []).map { .packing($0) } + [reading(panels, step)]
    }
  }

  /// A step that reads panels instead of operands where there are some.
  private func reading(_ panels: [PackingKey: ValueID], _ step: ScheduleStep) -> ScheduleStep {
    switch step {
    case .contraction(var contraction):
      let keys = keys(of: LoweredContraction(contraction))
      contraction.panels = ContractionPanels(
        a: keys.a.flatMap { panels[$0.0] }, b: keys.b.flatMap { panels[$0.0] })
      return .contraction(contraction)
    case .loop(var loop):
      apply(to: &loop, reading: panels)
      return .loop(loop)
    case .cluster, .lone, .attention, .check, .copy, .packing:
      return step
    }
  }

  private func apply(to loop: inout ScheduledLoop, reading panels: [PackingKey: ValueID]) {
    var known: [PackingKey: ValueID] = [:]
    var decided = Set<PackingKey>()
    for key in demands(of: loop.body).keys {
      guard let outer = loop.outside(key) else { continue }
      decided.insert(key)
      guard let made = panels[outer] else { continue }
      let inner = loop.body.addPanels(key.panels, of: loop.body.values[key.root.index].name)
      loop.panels.append((made, inner))
      known[key] = inner
    }
    apply(to: &loop.body, known: known, decided: decided)
  }
}

/// What it costs to pack operands inside of the contractions that read them, in the order in which
/// they are first read.
private struct PackingDemands {
  struct Demand {
    /// The first step that needs the panels.
    var position: Int
    /// Time in units of packing the operand once by one worker.
    var time = 0.0
    var provenance: Provenance
  }

  private(set) var keys: [PackingKey] = []
  private var demands: [PackingKey: Demand] = [:]

  subscript(key: PackingKey) -> Demand? { demands[key] }

  mutating func add(
    _ key: PackingKey, at position: Int, time: Double, _ provenance: Provenance
  ) {
    if demands[key] == nil { keys.append(key) }
    demands[key, default: Demand(position: position, provenance: provenance)].time += time
  }
}

extension PanelShape {
  /// Bytes that packing reads and writes.
  var bytesMoved: Int { (operandCount + elementCount) * element.byteCount }
}

extension ScheduledPacking {
  /// The kernel: parameters source and panels.
  func kernel(in region: RegionSchedule, _ planner: KernelPlanner) -> Kernel {
    let panels = operand.panels
    let dtype = panels.element.dtype
    return Kernel(
      body: .packing(planner.plan(panels)),
      parameters: [
        Parameter(dtype: dtype, isWritten: false), Parameter(dtype: dtype, isWritten: true),
      ],
      equations: ["\(region.name(of: destination)) = panels of \(region.name(of: operand.root))"],
      flops: 0,
      bytesMoved: panels.bytesMoved)
  }
}

extension ScheduledLoop {
  /// The operand of the region around that the body knows as `key`; `nil` if the loop changes it or
  /// its body makes it.
  fileprivate func outside(_ key: PackingKey) -> PackingKey? {
    for position in loop.invariantRange where loop.body.inputs[position + 1] == key.root {
      guard case .view(let view) = operands[position] else { return nil }
      return PackingKey(root: view.root, offset: view.offset + key.offset, panels: key.panels)
    }
    return nil
  }
}

extension RegionSchedule {
  /// Makes the value that panels are.
  fileprivate mutating func addPanels(_ panels: PanelShape, of operand: String) -> ValueID {
    addValue(
      TensorType([panels.elementCount], panels.element.dtype),
      named: operand.isEmpty ? "panels" : operand + "_panels")
  }
}
