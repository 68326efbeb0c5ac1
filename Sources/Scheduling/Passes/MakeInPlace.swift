// SPDX-License-Identifier: Apache-2.0
//
// Makes what leaves a region where its caller wants it, or else copies it there.
//
//   before:  cluster: %w1 = %w - 0.01 * %g       after:  cluster: %w1 = %w - 0.01 * %g, in the slot of w
//            output w (replaces %w): %w1                 output w: in its slot
//
// An output is written straight to its slot. The next value of a carry overwrites the old one, if no
// step reads the old one afterwards (the step that makes it may, element by element). What is left is
// copied: inputs that leave the region at its beginning, before anything overwrites them, the rest at
// its end, when no carry is read any more.

import TensorIR

/// Puts the outputs of one region in their slots.
struct OutputPlacement {
  private var region: RegionSchedule
  private let uses: Liveness
  private let made: Set<ValueID>
  private var early: [ScheduleStep] = []
  private var late: [ScheduleStep] = []
  /// Values whose arrays are slots.
  private var placed: Set<ValueID> = []

  /// Rewrites a region and the loop bodies inside of it.
  ///
  /// - Cost: linear in the number of steps and of their operands.
  static func run(on region: inout RegionSchedule) {
    var pass = OutputPlacement(region)
    for index in region.outputs.indices { pass.place(index) }
    region = pass.region
    region.steps = pass.early + region.steps + pass.late
    region.updateLoops { run(on: &$0.body) }
  }

  private init(_ region: RegionSchedule) {
    self.region = region
    uses = Liveness(region)
    made = region.valuesMade
  }

  private mutating func place(_ index: Int) {
    let output = region.outputs[index]
    guard let source = region.binding(of: output.value) else {
      preconditionFailure("compiler bug: \(output.value) leaves \(region.name) and is not made")
    }
    guard case .view(let view) = source else {  // A number: filled in at the end.
      late.append(copy(source, to: output.slot))
      return settle(index)
    }
    guard made.contains(view.root) else { return placeInput(view, index) }
    let root = region.holder(view.root)
    // The array as it is, or in another shape.
    let isWhole =
      view.offset == 0 && view.isContiguous
      && view.shape.reduce(1, *) == region.type(of: view.root).elementCount
    if isWhole, !placed.contains(root),
      output.replaces.map({ uses.mayOverwrite($0, with: root, in: region) }) ?? true
    {
      region.values[root.index].home = .shared(with: output.slot)
      placed.insert(output.slot)
    } else {
      late.append(copy(.view(region.placed(view)), to: output.slot))
    }
    settle(index)
  }

  /// Places an output that is a view of an input.
  private mutating func placeInput(_ view: View, _ index: Int) {
    let output = region.outputs[index]
    if output.replaces == view.root, view.isContiguous { return }  // Unchanged carry.
    if output.replaces == nil {
      early.append(copy(.view(view), to: output.slot))
    } else {  // Another carry's old value: keep it safe until all carries are done.
      let kept = region.addValue(
        region.type(of: output.value), named: region.values[view.root.index].name + "_kept")
      early.append(copy(.view(view), to: kept))
      late.append(copy(.view(region.whole(kept)), to: output.slot))
    }
    settle(index)
  }

  /// From now on the output is what its slot holds.
  private mutating func settle(_ index: Int) {
    region.outputs[index].value = region.outputs[index].slot
  }

  private func copy(_ source: Binding, to destination: ValueID) -> ScheduleStep {
    let type = region.type(of: destination)
    return .copy(
      ScheduledCopy(
        source: source, shape: type.shape, dtype: type.dtype,
        destination: region.whole(destination), provenance: Provenance(function: "copy")))
  }
}
