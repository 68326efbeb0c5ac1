// SPDX-License-Identifier: Apache-2.0
//
// Graphs taken all the way to machine code and called: scheduled, emitted, compiled, loaded. Many
// graphs share one library, since starting the compiler costs more than compiling one of them.
//
// A call is made under hard conditions: the arena and the outputs hold rubbish before, the arena is
// no larger than the program says, the bytes around every array are checked after, refused calls
// included, and what lies beyond stops the process when it is touched.

import CEmission
import Foundation
import Interpreter
import Kernels
import Scheduling
import TensorIR
import Testing
import Toolchain

/// A library with one entry point for each graph.
struct CompiledGraphs {
  let programs: [Program]
  /// The C that was compiled, as one unit.
  let text: String
  private let handle: UnsafeMutableRawPointer

  /// - Parameters:
  ///   - graphs: without `gradient` ops and linear cross-entropy.
  ///   - target: a processor whose code this machine runs.
  init(
    _ graphs: [Graph], level: OptimizationLevel = .aggressive,
    for target: TargetDescription = .host()
  ) throws {
    programs = graphs.enumerated().map { scheduled($1, named: "graph\($0)", for: target) }
    let library = emitLibrary(named: "test", entryPoints: programs, banner: [])
    text = library.source
    // In two translation units, as libraries are built.
    let sources = library.units(count: 2).enumerated().map {
      CSource(name: "test_\($0).c", text: $1)
    }
    let objects = try compile(sources, for: target, level: level)
    let name = "mixfuse-test-\(UUID().uuidString).so"
    let path = FileManager.default.temporaryDirectory.appending(path: name).path
    try linkSharedLibrary(objects, to: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
      throw CallFailure(description: String(cString: dlerror()))
    }
    self.handle = handle
  }

  /// How a program is called.
  struct Conditions {
    /// Workers to share the work with; 1 for a call without any.
    var workers = 1
    /// What every byte of the arena and of the outputs is before the call. All bits set is a NaN
    /// in both float types.
    var rubbish: UInt8 = 0xFF
  }

  /// The outputs of graph `index`.
  ///
  /// - Throws: `CallFailure` if the status is not 0 or memory around an array was written.
  func call(
    _ index: Int, _ inputs: [NumericArray], _ conditions: Conditions = Conditions()
  ) throws -> [NumericArray] {
    let program = programs[index]
    let inputBlocks = inputs.map { GuardedBlock(bytes: $0.storedBytes) }
    let outputBlocks = program.outputs.map {
      GuardedBlock(byteCount: $0.type.byteCount, filledWith: conditions.rubbish)
    }
    let arena = GuardedBlock(
      byteCount: program.arenaBytes + conditions.workers * program.workerArenaBytes,
      filledWith: conditions.rubbish)
    let status = try status(
      of: program, inputBlocks, outputBlocks, arena, workers: conditions.workers)
    for (name, block) in [("the arena", arena)]
      + zip(program.inputs.map(\.name), inputBlocks)
      + zip(program.outputs.map(\.name), outputBlocks)
    where !block.isIntact {
      throw CallFailure(description: "memory beside \(name) was written")
    }
    for (block, input) in zip(inputBlocks, inputs) where block.bytes != input.storedBytes {
      throw CallFailure(description: "an input was written")
    }
    guard status == 0 else {
      let record = arena.start.assumingMemoryBound(to: Int64.self)
      let fault = status == 2 ? (0..<3).map { Int(record[$0]) } : []
      throw CallFailure(description: "status \(status)", status: status, fault: fault)
    }
    return zip(program.outputs, outputBlocks).map { NumericArray($0.type, stored: $1.bytes) }
  }

  private typealias EntryPoint =
    @convention(c) (
      UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, UnsafeRawPointer?
    ) -> Int32

  private func status(
    of program: Program, _ inputs: [GuardedBlock], _ outputs: [GuardedBlock],
    _ arena: GuardedBlock, workers: Int
  ) throws -> Int32 {
    guard let symbol = dlsym(handle, "test_\(program.name)") else {
      throw CallFailure(description: "there is no entry point \(program.name)")
    }
    let function = unsafeBitCast(symbol, to: EntryPoint.self)
    return inputs.map(\.start).withUnsafeBytes { inputs in
      outputs.map(\.start).withUnsafeBytes { outputs in
        guard let inputs = inputs.baseAddress, let outputs = outputs.baseAddress else { return 1 }
        guard workers > 1 else { return function(inputs, outputs, arena.start, nil) }
        return withParallelCalls(workers: workers) {
          function(inputs, outputs, arena.start, $0)
        }
      }
    }
  }
}

/// Schedules a graph for a processor; the schedule is verified after every pass.
func scheduled(
  _ graph: Graph, named name: String, for target: TargetDescription = .host()
) -> Program {
  let machine = Machine(vectorBytes: target.vectorBytes)
  return schedule(graph, named: name, options: ScheduleOptions(for: machine)) { pass, schedule in
    for fault in schedule.faults() { Issue.record("after \(pass.name): \(fault)") }
  }
}

/// A call that went wrong.
struct CallFailure: Error, CustomStringConvertible {
  let description: String
  /// What the entry point returned.
  var status: Int32?
  /// Check, place and value of the position that it refused.
  var fault: [Int] = []

  init(description: String, status: Int32? = nil, fault: [Int] = []) {
    self.description = description
    self.status = status
    self.fault = fault
  }
}
