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
import TensorIR

/// A copy of an operand into panels.
struct PlannedPacking {
  var operand: PackingKey
  var destination: ValueID
  /// Of the first contraction that reads the panels.
  var provenance: Provenance
}

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
  private var isInWorker = false
  private var isInLoop = false

  init(_ options: ScheduleOptions) { self.options = options }

  /// The time on this many workers is compared.
  private var workers: Double { Double(options.machine.cores) }

  /// Rewrites an outermost region and the loop bodies inside of it.
  func run(on plan: inout RegionPlan) { apply(to: &plan, known: [:], decided: []) }

  // MARK: Demand

  /// The operands that contractions of the region pack, those of loop bodies included that the loop
  /// does not change.
  private func demands(of plan: RegionPlan) -> PackingDemands {
    var demands = PackingDemands()
    for (position, step) in plan.steps.enumerated() {
      switch step {
      case .contraction(let node, let lhs, let rhs):
        let contraction = LoweredContraction(
          plan.graph.nodes[node], lhs: lhs, rhs: rhs, types: plan.types)
        let keys = keys(of: contraction)
        let isLarge = contraction.shape.flops >= options.machine.sharedProductOperations
        for (key, isRepeated) in [keys.a, keys.b].compactMap({ $0 }) {
          let isDivided = isSharedOut(isLarge) && !isRepeated
          demands.add(
            key, at: position, time: isDivided ? 1 / workers : 1,
            plan.graph.nodes[node].provenance)
        }
      case .loop(_, let planned):
        let trips =
          Double(planned.loop.tripCount) / (isParallel(planned.loop) ? workers : 1)
        let inner = inside(planned).demands(of: planned.body)
        for key in inner.keys {
          guard let outer = planned.outside(key), let demand = inner[key] else { continue }
          demands.add(outer, at: position, time: demand.time * trips, demand.provenance)
        }
      case .cluster, .gather, .scatterAdd, .attention, .check, .copy, .packing: break
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

  /// Whether a kernel's size lets workers share it, where there are any.
  private func isSharedOut(_ isLarge: Bool) -> Bool {
    options.mayRunParallel && !isInWorker && isLarge
  }

  private func isParallel(_ loop: Loop) -> Bool {
    loop.isMap && loop.tripCount > 1 && options.mayRunParallel && !isInLoop
  }

  /// The same decisions inside of a loop.
  private func inside(_ planned: PlannedLoop) -> OperandPacking {
    var inside = self
    inside.isInWorker = isInWorker || isParallel(planned.loop)
    inside.isInLoop = true
    return inside
  }

  /// Whether a kernel of its own pays.
  private func isWorthwhile(_ panels: PanelShape, _ demand: PackingDemands.Demand) -> Bool {
    let isShared = isSharedOut(panels.bytesMoved >= options.machine.sharedPackingBytes)
    return demand.time > Machine.costOfCopy(keepsLines: panels.linePitch != nil)
      / (isShared ? workers : 1)
  }

  // MARK: Rewriting

  /// - Parameters:
  ///   - known: panels that the region finds already made.
  ///   - decided: operands that the region around has decided about, where all uses are known.
  private func apply(
    to plan: inout RegionPlan, known: [PackingKey: ValueID], decided: Set<PackingKey>
  ) {
    var panels = known
    var packings: [Int: [PlannedPacking]] = [:]
    let demands = demands(of: plan)
    for key in demands.keys where !decided.contains(key) {
      guard let demand = demands[key], isWorthwhile(key.panels, demand) else { continue }
      let destination = plan.addPanels(key.panels, of: plan.names[key.root.index])
      panels[key] = destination
      packings[demand.position, default: []].append(
        PlannedPacking(operand: key, destination: destination, provenance: demand.provenance))
    }
    for (position, step) in plan.steps.enumerated() {
      switch step {
      case .contraction(let node, let lhs, let rhs):
        let keys = keys(
          of: LoweredContraction(
            plan.graph.nodes[node], lhs: lhs, rhs: rhs, types: plan.types))
        let found = ContractionPanels(
          a: keys.a.flatMap { panels[$0.0] }, b: keys.b.flatMap { panels[$0.0] })
        if found.a != nil || found.b != nil { plan.panels[node] = found }
      case .loop(let node, var planned):
        apply(to: &planned, reading: panels)
        plan.steps[position] = .loop(node: node, planned)
      case .cluster, .gather, .scatterAdd, .attention, .check, .copy, .packing: break
      }
    }
    plan.insert(packings)
  }

  private func apply(to planned: inout PlannedLoop, reading panels: [PackingKey: ValueID]) {
    let inside = inside(planned)
    var known: [PackingKey: ValueID] = [:]
    var decided = Set<PackingKey>()
    for key in inside.demands(of: planned.body).keys {
      guard let outer = planned.outside(key) else { continue }
      decided.insert(key)
      guard let made = panels[outer] else { continue }
      let inner = planned.body.addPanels(
        key.panels, of: planned.body.names[key.root.index])
      planned.panels.append((made, inner))
      known[key] = inner
    }
    inside.apply(to: &planned.body, known: known, decided: decided)
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
  var bytesMoved: Int { (operandCount + elementCount) * element.bytes }
}

extension PlannedPacking {
  /// The kernel: parameters source and panels.
  func kernel(in plan: RegionPlan, _ planner: KernelPlanner) -> Kernel {
    let panels = operand.panels
    let dtype: DType = panels.element == .f64 ? .f64 : .f32
    return Kernel(
      body: .packing(planner.plan(panels)),
      parameters: [
        Parameter(dtype: dtype, isWritten: false), Parameter(dtype: dtype, isWritten: true),
      ],
      equations: ["\(plan.name(of: destination)) = panels of \(plan.name(of: operand.root))"],
      flops: 0,
      bytesMoved: panels.bytesMoved)
  }
}

extension PlannedLoop {
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

extension RegionPlan {
  /// The values that a step other than a cluster reads from memory: of operands that were packed
  /// before, the panels.
  func rootsRead(by step: PlannedStep) -> [ValueID] {
    guard case .contraction(let node, let lhs, let rhs) = step, let panels = panels[node] else {
      return step.rootsRead
    }
    let contraction = LoweredContraction(graph.nodes[node], lhs: lhs, rhs: rhs, types: types)
    return [panels.a ?? contraction.a.root, panels.b ?? contraction.b.root]
  }

  /// Makes the value that panels are.
  fileprivate mutating func addPanels(_ panels: PanelShape, of operand: String) -> ValueID {
    let type = TensorType([panels.elementCount], panels.element == .f64 ? .f64 : .f32)
    let value = ValueID(index: types.count)
    types.append(type)
    names.append(operand.isEmpty ? "panels" : operand + "_panels")
    bindings.append(.view(View(dense: value, shape: type.shape)))
    return value
  }

  /// Puts each packing before the step at its position.
  fileprivate mutating func insert(_ packings: [Int: [PlannedPacking]]) {
    guard !packings.isEmpty else { return }
    var moved: [Int] = []
    var steps: [PlannedStep] = []
    for (position, step) in self.steps.enumerated() {
      steps += (packings[position] ?? []).map { .packing($0) }
      moved.append(steps.count)
      steps.append(step)
    }
    producer = producer.mapValues { moved[$0] }
    self.steps = steps
    for (position, step) in steps.enumerated() {
      if case .packing(let packing) = step { producer[packing.destination] = position }
    }
  }
}

extension RegionLowering {
  /// Lets a contraction read the panels of its operands instead of the operands.
  func readPanels(
    of node: Int, _ contraction: inout LoweredContraction, _ arguments: inout [Pointer]
  ) {
    if let panels = plan.panels[node]?.a {
      contraction.shape.hasPanelsA = true
      arguments[0] = address(panels)
    }
    if let panels = plan.panels[node]?.b {
      contraction.shape.hasPanelsB = true
      arguments[1] = address(panels)
    }
  }
}
