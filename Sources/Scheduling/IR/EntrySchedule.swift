// SPDX-License-Identifier: Apache-2.0
//
// The schedule of an entry point, from the graph to the finished program: what passes rewrite.

import Kernels
import TensorIR

/// An entry point while it is scheduled.
package struct Schedule {
  /// Of the program.
  let name: String
  /// What is computed, with checks for positions that are not known to be in range.
  let graph: Graph
  /// What elements of the inputs must be, for those that are positions.
  private let inputRanges: [ClosedRange<Int>?]
  /// The graph's steps.
  var region: RegionSchedule
  /// The arrays, those of the boundary first.
  var arrays = ArrayTable()
  /// The checks of positions by number: those of inputs, then those made on the way.
  var checks: [PositionCheck] = []
  /// Kernel calls and loops over them, once they have been emitted, with the memory they need: what
  /// all share, and what each parallel loop or shared kernel needs for every worker.
  var calls: [Step] = []
  var memory = MemoryBlock()
  var workerBlocks: [MemoryBlock] = []
  /// Bytes of the arena, and of each worker's part of it, once arrays have addresses.
  var arenaBytes = 0, workerArenaBytes = 0

  /// A schedule without steps.
  ///
  /// - Parameter bounds: by name of an i32 input, what is to be checked of it at entry in any case.
  init(
    _ graph: Graph, named name: String?, bounds: [String: InputBound], on machine: Machine
  ) {
    let guarded = guardPositions(graph, bounds: graph.inputNames.map { bounds[$0] })
    self.name = name ?? graph.name
    self.graph = guarded.graph
    inputRanges = guarded.bounds.map { $0?.range }
    region = RegionSchedule(
      name: graph.name, machine: machine, inputs: [], values: [], isInLoop: false, isInWorker: false
    )
    for (index, input) in guarded.graph.inputs.enumerated() {
      guard let bound = guarded.bounds[index] else { continue }
      checks.append(
        PositionCheck(
          subject: guarded.graph.inputNames[index], purpose: bound.purpose,
          location: bound.location, range: bound.range,
          shape: guarded.graph.type(of: input).shape, input: index))
    }
  }

  /// The finished program.
  var program: Program {
    Program(
      name: name,
      inputs: graph.inputs.enumerated().map { index, input in
        .init(
          name: graph.inputNames[index], type: graph.type(of: input), range: inputRanges[index])
      },
      outputs: graph.outputs.enumerated().map { index, output in
        .init(name: graph.outputNames[index], type: graph.type(of: output), range: nil)
      },
      buffers: arrays.buffers, steps: calls, arenaBytes: arenaBytes,
      workerArenaBytes: workerArenaBytes, checks: checks)
  }
}
