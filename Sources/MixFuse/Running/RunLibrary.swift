// SPDX-License-Identifier: Apache-2.0
//
// What `mixfuse run` does: load a library, give it arrays from a file or drawn ones, call it, time
// it. Only the runtime is needed here; the compiler has no part in it.

package import MixFuseRuntime

/// What to call, on what, and how often.
package struct RunRequest: Sendable {
  /// Path of the library.
  package var library: String
  /// Path of the input arrays; drawn from the initialisers if nil.
  package var inputs: String?
  /// Where to write the outputs, if anywhere.
  package var outputs: String?
  package var entryPoint: String
  /// Number of workers; all processors if nil.
  package var threads: Int?
  /// Number of timed calls, at least 1.
  package var repetitions: Int
  /// Seed of drawn inputs; the manifest's if nil.
  package var seed: UInt64?
  /// Whether arrays of another element type are converted.
  package var converts: Bool

  package init(
    library: String, inputs: String? = nil, outputs: String? = nil,
    entryPoint: String = "meta_gradient", threads: Int? = nil, repetitions: Int = 1,
    seed: UInt64? = nil, converts: Bool = false
  ) {
    self.library = library
    self.inputs = inputs
    self.outputs = outputs
    self.entryPoint = entryPoint
    self.threads = threads
    self.repetitions = repetitions
    self.seed = seed
    self.converts = converts
  }
}

/// Calls of an entry point before the clock starts, if calls are repeated: caches and pages warm up.
private let warmUpCalls = 3
/// No further warm-up call begins after this time: what takes long is warm from the first.
private let warmUpSeconds = 1.0

/// Loads a library and calls one of its entry points.
///
/// - Cost: the calls, one pass over the inputs to look for NaNs, and loading (milliseconds).
/// - Throws: `RuntimeError`: everything that can be wrong with the library, the arrays and the files.
package func runLibrary(_ request: RunRequest) throws(RuntimeError) -> RunReport {
  if let path = request.outputs { try ArrayFile.checkDestination(path) }
  let library = try Library(path: request.library)
  let pool = try ThreadPool(workers: request.threads ?? ThreadPool.availableProcessors)
  let session = try Session(library, entryPoint: request.entryPoint, pool: pool)
  if let path = request.inputs {
    session.conversion = request.converts ? .whenNeeded : .never
    try session.setInputs(checkedInputs(path, for: session, converts: request.converts))
  } else {
    let sampler = InputSampler(seed: request.seed ?? library.manifest.seed)
    try session.setInputs(sampler.inputs(of: session.entryPoint))
  }

  let residentBefore = ProcessMemory.residentBytes
  if request.repetitions > 1 {
    let watch = Stopwatch()
    for _ in 0..<warmUpCalls where watch.seconds < warmUpSeconds { try session.run() }
  }
  var seconds: [Double] = []
  seconds.reserveCapacity(request.repetitions)
  for _ in 0..<request.repetitions {
    let watch = Stopwatch()
    try session.run()
    seconds.append(watch.seconds)
  }
  let outputs = session.outputs
  let report = RunReport(
    entryPoint: session.entryPoint, workers: session.workers, arenaBytes: session.arenaBytes,
    seconds: seconds, peakResidentBytes: ProcessMemory.peakResidentBytes,
    residentBytes: residentBefore.flatMap { before in
      ProcessMemory.residentBytes.map { (before: before, after: $0) }
    }, outputs: outputs)
  if let path = request.outputs { try ArrayFile.write(outputs, to: path) }
  return report
}

/// The arrays of a file that concern an entry point, free of NaNs.
///
/// One file may serve several entry points of a library: an array that only another one takes or
/// gives is passed over. Any other name is probably a slip of the hand. Names, types and shapes are
/// looked at before any data is read, so a file costs no more than what the call takes.
private func checkedInputs(
  _ path: String, for session: Session, converts: Bool
) throws(RuntimeError) -> NamedArrays {
  let entryPoint = session.entryPoint
  let inputs = Dictionary(entryPoint.inputs.map { ($0.name, $0) }) { first, _ in first }
  let elsewhere = Set(
    session.library.manifest.entryPoints.flatMap { ($0.inputs + $0.outputs).map(\.name) })
  let file = try ArrayFileReader(path)
  for name in file.names {
    if let input = inputs[name], let found = try file.header(of: name) {
      guard found.shape == input.shape, converts || found.elementType == input.elementType else {
        throw .arrayMismatch(
          name: name, expected: input.typeDescription, found: found.description,
          isTypeOnly: found.shape == input.shape)
      }
    } else if !elsewhere.contains(name) {
      throw .arrayUnknown(
        name: name, within: "input of \(entryPoint.name)", known: entryPoint.inputs.map(\.name))
    }
  }
  let names = Set(file.names)
  for input in entryPoint.inputs where !names.contains(input.name) {
    throw .arrayMissing(name: input.name, expected: input.typeDescription)
  }
  var result = NamedArrays()
  for name in file.names where inputs[name] != nil {
    guard let array = try file.array(name) else { continue }
    if let index = array.firstNaN { throw .nanInInput(name: name, index: index) }
    result[name] = array
  }
  return result
}
