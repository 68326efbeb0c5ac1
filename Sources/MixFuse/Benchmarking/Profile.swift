// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse bench --profile`: builds the meta-gradient with a clock around every kernel call, runs it,
// and reads the table of times. The library that users get has no clock: this one is built for the
// purpose, never cached, and deleted afterwards.

import CEmission
import Differentiation
import MixFuseRuntime
import Scheduling
import TensorIR
import Toolchain

/// An entry of the table in the library: `mf_profile_entry` of Templates/runtime/mf_profile.h.
private struct TableEntry {
  var nanoseconds: Int64
  var calls: Int64
}

extension Compilation {
  /// Measures every kernel of the meta-gradient on drawn inputs.
  ///
  /// - Cost: a build, the calls, and about a second for the peak of the machine.
  /// - Throws: `CompilationFailure`, `RuntimeError`.
  package func profile(_ request: BenchRequest) throws -> ProfileReport {
    do {
      return try Self.withTemporaryFolder { try profile(request, in: $0) }
    } catch let error as ToolchainError {
      throw failure(error)
    }
  }

  private func profile(_ request: BenchRequest, in folder: String) throws -> ProfileReport {
    let problem = try problem()
    let target = try target()
    let text = try generatedText(
      of: problem, for: target, entries: [.metaGradient], isProfiled: true)
    let name = text.library.interface.names.library
    let files = try artifacts(text, name, for: target)
    try createFolder(folder)
    let path = "\(folder)/\(name).so"
    try AtomicFile.write(files[".so"] ?? [], to: path)

    let pool = try ThreadPool(workers: request.threads ?? ThreadPool.availableProcessors)
    let loops = try MachineLoops(dtype: problem.dtype, for: target, in: folder)
    let before = loops.measure(pool)
    let timed = text.library.profiledCalls[EntryPoint.metaGradient.rawValue] ?? []
    let (table, seconds) = try run(path, timed.count, request, pool)
    // The machine's speed may change over time: what counts is the better of two measurements.
    let after = loops.measure(pool)
    let single = try loops.measure(ThreadPool(workers: 1))
    let strategies = text.library.kernels.map { ($0.name, $0.strategy) }
    return ProfileReport(
      name: problem.name, dtype: problem.dtype.rawValue, dims: problem.dims,
      threads: pool.workers, seconds: seconds, onePeak: single,
      allPeak: MachinePeak(
        flopsPerSecond: max(before.flopsPerSecond, after.flopsPerSecond),
        bytesPerSecond: max(before.bytesPerSecond, after.bytesPerSecond)),
      rows: ProfileReport.rows(
        timed, table.map { (Double($0.nanoseconds) * 1e-9, Int($0.calls)) },
        repetitions: request.repetitions,
        strategies: Dictionary(strategies) { first, _ in first }))
  }

  /// Calls the library and returns its table with the sums over all timed calls, and the time of one
  /// call.
  private func run(
    _ path: String, _ count: Int, _ request: BenchRequest, _ pool: ThreadPool
  ) throws(RuntimeError) -> (table: [TableEntry], seconds: Double) {
    let library = try Library(path: path)
    let session = try Session(library, entryPoint: EntryPoint.metaGradient.rawValue, pool: pool)
    let sampler = InputSampler(seed: library.manifest.seed)
    try session.setInputs(sampler.inputs(of: session.entryPoint))
    let symbol = "\(session.entryPoint.symbol)_profile"
    guard let address = library.address(of: symbol) else {
      throw .libraryUnloadable(path: path, reason: "it has no symbol \(symbol)")
    }
    let table = UnsafeMutableBufferPointer(
      start: address.assumingMemoryBound(to: TableEntry.self), count: count)
    try session.run()
    table.update(repeating: TableEntry(nanoseconds: 0, calls: 0))
    let watch = Stopwatch()
    for _ in 0..<request.repetitions { try session.run() }
    return (Array(table), watch.seconds / Double(request.repetitions))
  }
}
