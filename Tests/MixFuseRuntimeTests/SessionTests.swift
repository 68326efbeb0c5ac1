// SPDX-License-Identifier: Apache-2.0
//
// Calling libraries: results, checks of what goes in, reuse without allocation, concurrency.

import Foundation
import MixFuseRuntime
import Testing

@Suite("sessions")
struct SessionTests {
  private let folder: TemporaryFolder
  private let library: Library

  init() throws {
    folder = try TemporaryFolder()
    library = try Library(path: SampleLibrary().build(in: folder))
  }

  private func inputs() throws -> NamedArrays {
    [
      "eta.x": try NDArray([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]),
      "scale": try NDArray(scalar: 2 as Float),
      "index": try NDArray([2, 0] as [Int32], shape: [2]),
    ]
  }

  private func refusal(_ arrays: NamedArrays, _ session: Session) -> String? {
    #expect(throws: RuntimeError.self) { try session.run(arrays) }?.description
  }

  @Test("a call gives its outputs by name, alone and with workers", arguments: [0, 1, 2, 5])
  func call(workers: Int) throws {
    let pool = workers == 0 ? nil : try ThreadPool(workers: workers)
    let session = try Session(library, pool: pool)
    #expect(session.arenaBytes == 64 + 64 * max(workers, 1))
    let outputs = try session.run(inputs())
    #expect(outputs.names == ["loss", "grad.x", "picked"])
    #expect(outputs["loss"]?.scalarValue == 42)
    #expect(outputs["grad.x"]?.doubles() == [2, 4, 6, 8, 10, 12])
    #expect(outputs["picked"]?.doubles() == [3, 1])
  }

  @Test("outputs that are kept are not overwritten, and inputs persist between calls")
  func repeatedCalls() throws {
    let session = try Session(library)
    let first = try session.run(inputs())
    try session.setInput("scale", to: NDArray(scalar: 3 as Float))
    try session.run()
    #expect(first["loss"]?.scalarValue == 42)
    #expect(try session.output("loss").scalarValue == 63)
    try session.withMutableInput("eta.x", of: Float.self) { $0[0] = 11 }
    try session.run()
    #expect(try session.output("loss").scalarValue == 93)
    #expect(throws: RuntimeError.self) { try session.output("los") }
  }

  @Test("inputs can be filled in place from nothing")
  func fillInPlace() throws {
    let session = try Session(library, entryPoint: "sum64")
    #expect(throws: RuntimeError.self) {
      try session.withMutableInput("x", of: Float.self) { $0[0] = 1 }
    }
    try session.withMutableInput("x", of: Double.self) { $0[3] = 1.5 }
    try session.run()
    #expect(try session.output("sum").scalarValue == 1.5)
  }

  @Test("expected results among the inputs are passed over")
  func expectedResults() throws {
    var arrays = try inputs()
    arrays["loss"] = try NDArray(scalar: 0.0)
    #expect(try Session(library).run(arrays)["loss"]?.scalarValue == 42)
  }

  @Test("missing, unknown and mismatched arrays are reported with both shapes")
  func wrongInputs() throws {
    var arrays = try inputs()
    arrays["scale"] = nil
    #expect(refusal(arrays, try Session(library)) == "scale: missing, expected f32 []")
    let session = try Session(library)
    #expect(
      refusal(["scal": try NDArray(scalar: 1 as Float)], session)
        == "scal: no such input of meta_gradient; did you mean scale?")
    #expect(
      refusal(["eta.x": try NDArray(zeros: [3, 2, 1], elementType: .float64)], session)
        == "eta.x: expected f32 [2, 3], found f64 [3, 2, 1]")
    #expect(
      refusal(["scale": try NDArray(scalar: 1.0)], session)
        == "scale: expected f32 [], found f64 []; ask for conversion to accept it")
  }

  @Test("element types are converted when asked for")
  func conversion() throws {
    let session = try Session(library)
    session.conversion = .whenNeeded
    var arrays = try inputs()
    arrays["scale"] = try NDArray(scalar: 2.0)
    arrays["index"] = try NDArray([2, 0] as [Int64], shape: [2])
    #expect(try session.run(arrays)["loss"]?.scalarValue == 42)
    arrays["index"] = try NDArray([2, Int64(1) << 33], shape: [2])
    #expect(
      refusal(arrays, session)
        == "index: cannot convert i64 to i32: 8589934592.0 at [1] does not fit")
    arrays["index"] = try NDArray([2, 0] as [Int64], shape: [2, 1])
    #expect(refusal(arrays, session) == "index: expected i32 [2], found i64 [2, 1]")
  }

  @Test("a NaN among the inputs is found when asked for")
  func nan() throws {
    let session = try Session(library)
    var arrays = try inputs()
    arrays["eta.x"] = try NDArray([1, 2, 3, 4, .nan, 6] as [Float], shape: [2, 3])
    #expect(try session.run(arrays)["loss"]?.scalarValue?.isNaN == true)
    session.rejectsNaN = true
    #expect(refusal(arrays, session) == "eta.x: NaN at [1, 1]")
  }

  @Test("statuses of the library become errors")
  func statuses() throws {
    var arrays = try inputs()
    arrays["index"] = try NDArray([0, 3] as [Int32], shape: [2])
    #expect(
      refusal(arrays, try Session(library))
        == "meta_gradient: an index array holds a value that is out of range")
    #expect(
      refusal([:], try Session(library, entryPoint: "fails"))
        == "fails: the library returned status 42")
  }

  @Test("an arena that cannot be had is an error")
  func enormousArena() throws {
    let manifest = SampleLibrary.manifestText(arenaBytes: 1 << 52)
    let sample = SampleLibrary(manifest: manifest, name: "big")
    let library = try Library(path: sample.build(in: folder))
    let error = #expect(throws: RuntimeError.self) { try Session(library) }
    #expect(
      error?.description == "cannot allocate \(1 << 52 + 64) bytes for "
        + "the arena of meta_gradient with 1 workers")
  }

  @Test("sessions on many threads give the same bits, each with its own arena")
  func concurrency() async throws {
    let expected = try Session(library).run(inputs())
    let shared = try ThreadPool(workers: 3)
    let arrays = try inputs()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask { [library] in
          let pool = task % 2 == 0 ? shared : try ThreadPool(workers: 2)
          let session = try Session(library, pool: pool)
          for _ in 0..<500 where try session.run(arrays) != expected {
            return false
          }
          return true
        }
      }
      for try await isSame in group {
        #expect(isSame)
      }
    }
  }

  #if os(Linux)
    /// Sanitizers keep records of their own in the same memory.
    private static let isSanitized =
      dlsym(nil, "__tsan_init") != nil || dlsym(nil, "__asan_init") != nil

    @Test("a thousand calls leave memory as it was", .disabled(if: isSanitized))
    func flatMemory() async throws {
      // In a process of its own, because other tests allocate while this one runs.
      await #expect(processExitsWith: .success) {
        let folder = try TemporaryFolder()
        let library = try Library(path: SampleLibrary().build(in: folder))
        let session = try Session(library, pool: ThreadPool(workers: 2))
        session.rejectsNaN = true
        try session.setInputs(InputSampler(seed: 1).inputs(of: session.entryPoint))
        // The same work before and between the two readings; no expectation is checked in between,
        // because the testing library allocates for each.
        var answered = 0
        func call(_ times: Int) throws {
          for _ in 0..<times {
            try session.withMutableInput("scale", of: Float.self) { $0[0] += 1 }
            try session.run()
            if try session.output("loss").scalarValue != nil { answered += 1 }
          }
        }
        try call(200)
        // What leaks grows every time; that the system maps more of a file happens once.
        var growths: [Int] = []
        for _ in 0..<3 {
          let before = try #require(ProcessMemory.residentBytes)
          try call(1000)
          growths.append(try #require(ProcessMemory.residentBytes) - before)
        }
        let least = try #require(growths.min())
        #expect(answered == 3200)
        #expect(least < 256 << 10)
      }
    }
  #endif
}
