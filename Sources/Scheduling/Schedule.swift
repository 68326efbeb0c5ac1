// SPDX-License-Identifier: Apache-2.0
//
// The stage's entrance: a graph in, a scheduled and memory-planned entry point out.

package import Kernels
package import TensorIR

/// Decisions of the caller that change the schedule.
package struct ScheduleOptions: Sendable {
  /// Says how kernels are computed on the machine.
  package let planner: KernelPlanner
  /// Whether tasks and large kernels may run on several workers.
  package var mayRunParallel: Bool

  package init(for machine: Machine, mayRunParallel: Bool = true) {
    planner = KernelPlanner(for: machine)
    self.mayRunParallel = mayRunParallel
  }

  /// The machine that the program is for.
  var machine: Machine { planner.machine }
}

/// Schedules a graph that holds no `gradient` ops: forms kernels, orders them, and gives every array
/// an address.
///
/// - Parameters:
///   - name: of the program; the graph's unless given.
///   - bounds: by name of an i32 input, what is to be checked of it at entry in any case.
/// - Cost: n log n in the number of nodes, independent of trip counts.
package func schedule(
  _ graph: Graph, named name: String? = nil, bounds: [String: InputBound] = [:],
  options: ScheduleOptions
) -> Program {
  let guarded = guardPositions(graph, bounds: graph.inputNames.map { bounds[$0] })
  let graph = guarded.graph
  let entry = EntryLowering(options: options)
  for (index, input) in graph.inputs.enumerated() {
    guard let bound = guarded.bounds[index] else { continue }
    entry.checks.append(
      PositionCheck(
        subject: graph.inputNames[index], purpose: bound.purpose, location: bound.location,
        range: bound.range, shape: graph.type(of: input).shape, input: index))
  }
  var pointers: [ValueID: Pointer] = [:]
  for (index, input) in graph.inputs.enumerated() {
    pointers[input] = Pointer(
      buffer: entry.addPort(.input(index), graph.type(of: input), graph.inputNames[index]))
  }
  var destinations: [Destination] = []
  for (index, output) in graph.outputs.enumerated() {
    let buffer = entry.addPort(.output(index), graph.type(of: output), graph.outputNames[index])
    destinations.append(Destination(value: output, pointer: Pointer(buffer: buffer)))
  }
  let inputs = graph.inputs.map { input in
    Binding.view(View(dense: input, shape: graph.type(of: input).shape))
  }
  var plan = RegionPlanner.plan(
    graph, inputs: inputs, variables: LoopVariableSource(), on: options.machine)
  EpiloguePlanning(options).run(on: &plan)
  OperandPacking(options).run(on: &plan)
  let (steps, block) = RegionLowering.lower(
    plan, entry: entry, inputs: pointers, destinations: destinations)

  let shared = block.layOut()
  for (buffer, offset) in shared.offsets {
    entry.buffers[buffer].placement = .arena(offset: offset)
  }
  var workerBytes = 0
  for block in entry.workerBlocks {
    let layout = block.layOut()
    for (buffer, offset) in layout.offsets {
      entry.buffers[buffer].placement = .workerArena(offset: offset)
    }
    workerBytes = max(workerBytes, layout.byteCount)
  }
  return Program(
    name: name ?? graph.name,
    inputs: graph.inputs.enumerated().map { index, input in
      .init(
        name: graph.inputNames[index], type: graph.type(of: input),
        range: guarded.bounds[index]?.range)
    },
    outputs: graph.outputs.enumerated().map { index, output in
      .init(name: graph.outputNames[index], type: graph.type(of: output), range: nil)
    },
    buffers: entry.buffers, steps: steps,
    arenaBytes: max(shared.byteCount, entry.checks.isEmpty ? 0 : PositionCheck.recordBytes),
    workerArenaBytes: workerBytes, checks: entry.checks)
}

extension EntryLowering {
  fileprivate func addPort(_ placement: Placement, _ type: TensorType, _ name: String) -> Int {
    let buffer = newBuffer(type, named: name, comment: type.description, role: .port)
    buffers[buffer].placement = placement
    return buffer
  }
}
