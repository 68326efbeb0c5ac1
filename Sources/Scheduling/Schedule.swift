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
///   - observe: called after each pass with its result: for the verifier and for dumps.
/// - Cost: n log n in the number of nodes, independent of trip counts.
package func schedule(
  _ graph: Graph, named name: String? = nil, bounds: [String: InputBound] = [:],
  options: ScheduleOptions, observe: (SchedulePass, Schedule) throws -> Void = { _, _ in }
) rethrows -> Program {
  var schedule = Schedule(graph, named: name, bounds: bounds, on: options.machine)
  for pass in SchedulePass.pipeline {
    pass.run(&schedule, options)
    try observe(pass, schedule)
  }
  return schedule.program
}
