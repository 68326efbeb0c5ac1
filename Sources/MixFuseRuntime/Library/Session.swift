// SPDX-License-Identifier: Apache-2.0
//
// Calling one entry point again and again. A session owns everything a call needs (the arena, the
// output arrays, the tables of pointers) and keeps the inputs it was given, so that a call
// allocates nothing.
//
//     let session = try Session(Library(path: "maml_sinusoid.so"), entryPoint: "meta_gradient")
//     let outputs = try session.run(ArrayFile.read("inputs.npz"))
//     print(outputs["loss"]?.scalarValue ?? .nan)

internal import CMixFuseThreads

/// An entry point of a library, ready to be called.
///
/// A session serves one thread at a time. Any number of sessions of the same library can run at
/// once: each has its own arena, and generated code holds no state of its own.
public final class Session {
  /// What to do with inputs of another element type than the library was built for.
  public enum Conversion: Sendable {
    /// Report them.
    case never
    /// Convert them if no value is lost but by rounding; `NDArray.converted` says which.
    case whenNeeded
  }

  /// The library that is called.
  public let library: Library
  /// What is called.
  public let entryPoint: Manifest.EntryPoint
  /// The number of workers that a call uses at most.
  public let workers: Int
  /// The size of the arena, in bytes.
  public var arenaBytes: Int { arena.byteCount }
  /// Whether inputs of another element type are converted when they are set.
  public var conversion = Conversion.never
  /// Whether each call first looks for NaNs in its inputs, which costs a pass over them.
  public var rejectsNaN = false

  private let function: Library.Function
  private let arena: AlignedMemory
  /// Kept alive for `parallel`.
  private let pool: ThreadPool?
  private let parallel: UnsafeMutablePointer<mixfuse_parallel>?
  private let inputPositions: [String: Int]
  private let outputPositions: [String: Int]
  private var inputs: [NDArray?]
  private var outputArrays: [NDArray]
  private let inputPointers: UnsafeMutablePointer<UnsafeRawPointer?>
  private let outputPointers: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// Prepares calls of one entry point.
  ///
  /// - Parameters:
  ///   - library: a loaded library.
  ///   - name: the name of one of its entry points.
  ///   - pool: the workers to use; nil calls it on the caller's thread alone. The result is the
  ///     same.
  /// - Throws: `entryPointUnknown`, `memoryExhausted`.
  public init(
    _ library: Library, entryPoint name: String = "meta_gradient", pool: ThreadPool? = nil
  ) throws(RuntimeError) {
    let entryPoint = try library.entryPoint(name)
    let workers = pool?.workers ?? 1
    function = try library.function(of: entryPoint)
    arena = try AlignedMemory(
      byteCount: entryPoint.arenaBytes(workers: workers) ?? -1,
      purpose: "the arena of \(name) with \(workers) workers")
    var outputArrays: [NDArray] = []
    for output in entryPoint.outputs {
      outputArrays.append(try NDArray(zeros: output.shape, elementType: output.elementType))
    }
    self.outputArrays = outputArrays
    inputs = Array(repeating: nil, count: entryPoint.inputs.count)
    inputPositions = Self.positions(of: entryPoint.inputs)
    outputPositions = Self.positions(of: entryPoint.outputs)
    inputPointers = .allocate(capacity: entryPoint.inputs.count + 1)
    inputPointers.initialize(repeating: nil, count: entryPoint.inputs.count + 1)
    outputPointers = .allocate(capacity: entryPoint.outputs.count + 1)
    outputPointers.initialize(repeating: nil, count: entryPoint.outputs.count + 1)
    parallel = pool.map { pool in
      let pointer = UnsafeMutablePointer<mixfuse_parallel>.allocate(capacity: 1)
      pointer.initialize(to: pool.parallel)
      return pointer
    }
    self.library = library
    self.entryPoint = entryPoint
    self.workers = workers
    self.pool = pool
  }

  deinit {
    inputPointers.deallocate()
    outputPointers.deallocate()
    parallel?.deallocate()
  }

  /// Sets one input for all calls that follow, until it is set again.
  ///
  /// The array is not copied: the session shares its memory.
  ///
  /// - Errors: `arrayUnknown`, `arrayMismatch`; `conversion` if a value does not fit.
  public func setInput(_ name: String, to array: NDArray) throws(RuntimeError) {
    let position = try inputPosition(name)
    let expected = entryPoint.inputs[position]
    var accepted = array
    let hasShape = array.shape == expected.shape
    if hasShape && conversion == .whenNeeded {
      accepted = try array.converted(to: expected.elementType, name: name)
    }
    guard hasShape, accepted.elementType == expected.elementType else {
      throw .arrayMismatch(
        name: name, expected: expected.typeDescription, found: array.description,
        isTypeOnly: hasShape)
    }
    inputs[position] = accepted
  }

  /// Sets an input that is a number for all calls that follow.
  ///
  /// - Errors: as for an array; `memoryExhausted`.
  public func setInput(_ name: String, to value: some ArrayElement) throws(RuntimeError) {
    try setInput(name, to: NDArray(scalar: value))
  }

  /// Sets inputs for all calls that follow.
  ///
  /// Arrays that are called like an *output* of the entry point are passed over, so that a file
  /// holding both inputs and expected results can be used as it is.
  ///
  /// - Errors: as `setInput`.
  public func setInputs(_ arrays: NamedArrays) throws(RuntimeError) {
    for (name, array) in arrays where inputPositions[name] != nil || outputPositions[name] == nil {
      try setInput(name, to: array)
    }
  }

  /// Changes an input in place. An input that has not been set yet starts as zeros.
  ///
  /// - Cost: none if the caller keeps no copy of the array that was set, otherwise a copy.
  /// - Errors: `arrayUnknown`; `conversion` if the input has other elements; `memoryExhausted`.
  public func withMutableInput<Element: ArrayElement, Result>(
    _ name: String, of type: Element.Type, _ body: (UnsafeMutableBufferPointer<Element>) -> Result
  ) throws(RuntimeError) -> Result {
    let position = try inputPosition(name)
    let expected = entryPoint.inputs[position]
    guard type.elementType == expected.elementType else {
      throw .conversion(
        name: name, from: expected.elementType, to: type.elementType,
        reason: "elements were asked for by another type than the input's")
    }
    // Taken out of the table, because a second reference would make changing it a copy.
    let previous = inputs[position].take()
    var array =
      if let previous {
        previous
      } else {
        try NDArray(zeros: expected.shape, elementType: expected.elementType)
      }
    defer {
      inputs[position] = array
    }
    return try array.withUnsafeMutableElements(of: type, body)
  }

  /// Calls the entry point with the inputs that have been set.
  ///
  /// Outputs that the caller still holds from earlier are left alone: the call writes to new arrays
  /// then.
  ///
  /// - Cost: allocates nothing if the caller has let go of earlier outputs.
  /// - Errors: `arrayMissing`; `nanInInput` if asked for; `callIndexOutOfRange`, `callFailed`.
  public func run() throws(RuntimeError) {
    for (position, description) in entryPoint.inputs.enumerated() {
      guard let input = inputs[position] else {
        throw .arrayMissing(name: description.name, expected: description.typeDescription)
      }
      if rejectsNaN, let index = input.firstNaN {
        throw .nanInInput(name: description.name, index: index)
      }
      inputPointers[position] = UnsafeRawPointer(input.memory.pointer)
    }
    for position in outputArrays.indices {
      try outputArrays[position].makeUnique(keepingElements: false)
      outputPointers[position] = outputArrays[position].memory.pointer
    }
    let status = function(inputPointers, outputPointers, arena.pointer, parallel)
    switch status {
    case 0: return
    case 2: throw .callIndexOutOfRange(entryPoint: entryPoint.name, fault: fault)
    default: throw .callFailed(entryPoint: entryPoint.name, status: status)
    }
  }

  /// What the last call refused, from the record at the start of its arena; empty if the manifest
  /// does not know.
  private var fault: String {
    guard let checks = entryPoint.checks, arena.byteCount >= 24 else { return "" }
    let record = arena.pointer.assumingMemoryBound(to: Int64.self)
    guard let number = Int(exactly: record[0]), checks.indices.contains(number) else { return "" }
    return checks[number].fault(position: Int(record[1]), value: Int(record[2]))
  }

  /// Sets inputs, calls the entry point, and returns all outputs.
  ///
  /// - Errors: as `setInputs` and `run`.
  public func run(_ arrays: NamedArrays) throws(RuntimeError) -> NamedArrays {
    try setInputs(arrays)
    try run()
    return outputs
  }

  /// All outputs of the last call, in the entry point's order; zeros before the first.
  public var outputs: NamedArrays {
    var result = NamedArrays()
    for (description, array) in zip(entryPoint.outputs, outputArrays) {
      result[description.name] = array
    }
    return result
  }

  /// One output of the last call; zeros before the first.
  ///
  /// - Errors: `arrayUnknown` with the nearest existing name.
  public func output(_ name: String) throws(RuntimeError) -> NDArray {
    guard let position = outputPositions[name] else {
      let known = entryPoint.outputs.map(\.name)
      throw .arrayUnknown(name: name, within: "output of \(entryPoint.name)", known: known)
    }
    return outputArrays[position]
  }

  private func inputPosition(_ name: String) throws(RuntimeError) -> Int {
    guard let position = inputPositions[name] else {
      let known = entryPoint.inputs.map(\.name)
      throw .arrayUnknown(name: name, within: "input of \(entryPoint.name)", known: known)
    }
    return position
  }

  private static func positions(of arrays: [Manifest.ArrayDescription]) -> [String: Int] {
    Dictionary(
      arrays.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }
}
