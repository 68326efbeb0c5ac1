// SPDX-License-Identifier: Apache-2.0
//
// The passes from a graph to a program, in order. A pass is a value: a name, a summary and a function
// that rewrites a schedule; each has a file of its own in `Passes/`, whose header shows what it does to
// a small example. Passes go into the bodies of loops by themselves.

import TensorIR

/// A rewriting of schedules that keeps what they compute.
package struct SchedulePass: Sendable {
  /// Lower-case words; `--after-pass` takes it with dashes for the blanks.
  package let name: String
  /// One line for the help text.
  package let summary: String
  let run: @Sendable (inout Schedule, ScheduleOptions) -> Void
}

extension SchedulePass {
  /// All passes, in the order in which they run.
  package static let pipeline: [SchedulePass] = [
    bindOperands,
    formClusters,
    // After clusters are known: a value is computed again in the cluster that reads it.
    recomputeCheapValues,
    // After recomputation, which reads values where they were made.
    placeInWindows,
    // After windows: an epilogue's arrays must be walked through by rows and columns.
    fuseEpilogues,
    // After epilogues have moved contractions: a packing stands before the first that reads it.
    packOperands,
    // Storage, once no step is moved any more.
    shareArrays,
    makeInPlace,
    assignArrays,
    emitCalls,
    // When all arrays are known, scratch memory of kernels included.
    assignAddresses,
  ]

  static let bindOperands = SchedulePass(
    name: "bind operands", summary: "a step for each op that computes; movement becomes views"
  ) { schedule, options in
    let graph = schedule.graph
    schedule.region = OperandBinding.bind(
      graph,
      inputs: graph.inputs.map { .view(View(dense: $0, shape: graph.type(of: $0).shape)) },
      replaces: graph.outputs.map { _ in nil }, variables: LoopVariableSource(),
      on: options.machine, mayRunParallel: options.mayRunParallel)
  }

  static let formClusters = SchedulePass(
    name: "form clusters", summary: "elementwise ops and reductions share loop nests"
  ) { schedule, _ in ClusterFormation.run(on: &schedule.region) }

  static let recomputeCheapValues = SchedulePass(
    name: "recompute cheap values", summary: "a cluster computes what it would otherwise load"
  ) { schedule, _ in Recomputation.run(on: &schedule.region) }

  static let placeInWindows = SchedulePass(
    name: "place in windows", summary: "parts of an array are made where they belong in it"
  ) { schedule, _ in WindowPlacement.run(on: &schedule.region) }

  static let fuseEpilogues = SchedulePass(
    name: "fuse epilogues", summary: "contractions do the elementwise work that follows them"
  ) { schedule, options in EpilogueFusion(options).run(on: &schedule.region) }

  static let packOperands = SchedulePass(
    name: "pack operands", summary: "an operand that several contractions pack is packed once"
  ) { schedule, options in OperandPacking(options).run(on: &schedule.region) }

  static let shareArrays = SchedulePass(
    name: "share arrays", summary: "carries and sums live in arrays that die where they begin"
  ) { schedule, _ in ArraySharing.run(on: &schedule.region) }

  static let makeInPlace = SchedulePass(
    name: "make in place", summary: "outputs and next carries are made where they are wanted"
  ) { schedule, _ in OutputPlacement.run(on: &schedule.region) }

  static let assignArrays = SchedulePass(
    name: "assign arrays", summary: "every value that needs memory gets an array"
  ) { schedule, _ in
    for (index, input) in schedule.graph.inputs.enumerated() {
      schedule.region.values[input.index].address = schedule.addPort(
        .input(index), schedule.graph.type(of: input), schedule.graph.inputNames[index])
    }
    for (index, output) in schedule.region.outputs.enumerated() {
      schedule.region.values[output.slot.index].address = schedule.addPort(
        .output(index), schedule.region.type(of: output.slot), schedule.graph.outputNames[index])
    }
    ArrayAssignment.run(on: &schedule.region, &schedule.arrays)
  }

  static let emitCalls = SchedulePass(
    name: "emit calls", summary: "steps become kernel calls, with scratch memory where needed"
  ) { schedule, options in
    let context = EmissionContext(options, arrays: schedule.arrays, checks: schedule.checks)
    (schedule.calls, schedule.memory) = CallEmission.emit(schedule.region, in: context)
    (schedule.arrays, schedule.checks) = (context.arrays, context.checks)
    schedule.workerBlocks = context.workerBlocks
  }

  static let assignAddresses = SchedulePass(
    name: "assign addresses", summary: "arrays alive at the same time lie apart in the arena"
  ) { schedule, _ in schedule.assignAddresses() }
}

extension Schedule {
  fileprivate mutating func addPort(
    _ placement: Placement, _ type: TensorType, _ name: String
  ) -> Pointer {
    Pointer(buffer: arrays.add(type, named: name, placement: placement, role: .port))
  }
}
