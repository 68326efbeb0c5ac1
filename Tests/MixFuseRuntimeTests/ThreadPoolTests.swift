// SPDX-License-Identifier: Apache-2.0
//
// The thread pool: every index once, one at a time per worker, nesting, several clients. These
// tests are also what ThreadSanitizer runs (`swift test --sanitize=thread`).

import CMixFuseThreads
import Foundation
import MixFuseRuntime
import Testing

/// Counters that many threads may increase at once.
private final class Counters: @unchecked Sendable {
  private let lock = NSLock()
  private var values: [Int]

  init(_ count: Int) {
    values = Array(repeating: 0, count: count)
  }

  func increase(_ index: Int) {
    lock.withLock { values[index] += 1 }
  }

  var all: [Int] { lock.withLock { values } }
}

@Suite("thread pool")
struct ThreadPoolTests {
  @Test("every index is visited exactly once", arguments: [1, 2, 3, 8])
  func everyIndexOnce(workers: Int) throws {
    let pool = try ThreadPool(workers: workers)
    for count in [0, 1, 2, 7, 16, 17, 1000, 4099] {
      let visits = Counters(count)
      pool.forEach(count) { index, worker in
        #expect((0..<workers).contains(worker))
        visits.increase(index)
      }
      #expect(visits.all == Array(repeating: 1, count: count))
    }
  }

  @Test("a worker runs one body at a time")
  func oneBodyPerWorker() throws {
    let pool = try ThreadPool(workers: 4)
    let busy = Counters(4)
    let leaves = Counters(4)
    let overlaps = Counters(1)
    for _ in 0..<50 {
      pool.forEach(64) { _, worker in
        busy.increase(worker)
        if busy.all[worker] != leaves.all[worker] + 1 {
          overlaps.increase(0)
        }
        leaves.increase(worker)
      }
    }
    #expect(overlaps.all == [0])
  }

  @Test("bodies see what was written before the loop, and what they write is seen after it")
  func visibility() throws {
    let pool = try ThreadPool(workers: 3)
    let values = UnsafeMutableBufferPointer<Int>.allocate(capacity: 300)
    defer { values.deallocate() }
    for round in 0..<500 {
      values.initialize(repeating: round)
      nonisolated(unsafe) let shared = values
      pool.forEach(300) { index, _ in shared[index] += index }
      #expect(values.indices.allSatisfy { values[$0] == round + $0 })
    }
  }

  @Test("a nested loop runs on the worker of its body")
  func nested() throws {
    let pool = try ThreadPool(workers: 3)
    let other = try ThreadPool(workers: 2)
    let visits = Counters(40)
    let strays = Counters(1)
    pool.forEach(10) { outer, outerWorker in
      pool.forEach(4) { inner, innerWorker in
        visits.increase(4 * outer + inner)
        if innerWorker != outerWorker {
          strays.increase(0)
        }
      }
      other.forEach(3) { _, _ in
        pool.forEach(2) { _, worker in
          // Through another pool, only the thread that runs the outer body knows where it is.
          if !(0..<3).contains(worker) {
            strays.increase(0)
          }
        }
      }
    }
    #expect(visits.all == Array(repeating: 1, count: 40))
    #expect(strays.all == [0])
  }

  @Test("two threads can use one pool, and two pools, at once")
  func twoClients() throws {
    let pools = [try ThreadPool(workers: 2), try ThreadPool(workers: 3)]
    let visits = Counters(1)
    let threads = (0..<4).map { client in
      Thread {
        for round in 0..<1000 {
          pools[client % 2].forEach(round % 20) { _, _ in visits.increase(0) }
        }
        visits.increase(0)
      }
    }
    threads.forEach { $0.start() }
    let perClient = (0..<1000).reduce(0) { $0 + $1 % 20 } + 1
    while threads.contains(where: { !$0.isFinished }) {
      Thread.sleep(forTimeInterval: 0.001)
    }
    #expect(visits.all == [4 * perClient])
  }

  @Test("workers wake up after sleeping")
  func wakeUp() throws {
    let pool = try ThreadPool(workers: 2)
    let visits = Counters(1)
    for _ in 0..<20 {
      Thread.sleep(forTimeInterval: 0.002)
      pool.forEach(100) { _, _ in visits.increase(0) }
    }
    #expect(visits.all == [2000])
  }

  @Test("pools come and go")
  func createAndDestroy() throws {
    for workers in 1...40 {
      _ = try ThreadPool(workers: workers % 5 + 1)
    }
  }

  @Test("impossible numbers of workers are errors", arguments: [0, -1, 1 << 20])
  func impossibleWorkers(workers: Int) {
    #expect(throws: RuntimeError.threadsUnavailable(workers: workers, reason: "invalid argument")) {
      try ThreadPool(workers: workers)
    }
  }

  @Test("at least one processor is available")
  func processors() {
    #expect(ThreadPool.availableProcessors >= 1)
  }
}

#if os(Linux) && arch(x86_64)
  @Suite("processor features")
  struct ProcessorFeatureTests {
    @Test("the table agrees with what the kernel lists")
    func kernelView() throws {
      let text = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("flags") })
      let flags = Set(line.split(separator: " ").map(String.init))
      // LLVM's name and the kernel's, where the kernel lists exactly what may be used.
      let names = [
        "sse2": "sse2", "sse3": "pni", "ssse3": "ssse3", "sse4.1": "sse4_1", "sse4.2": "sse4_2",
        "avx": "avx", "avx2": "avx2", "fma": "fma", "f16c": "f16c", "bmi": "bmi1", "bmi2": "bmi2",
        "popcnt": "popcnt", "lzcnt": "abm", "movbe": "movbe", "aes": "aes", "adx": "adx",
        "avx512f": "avx512f", "avx512dq": "avx512dq", "avx512bw": "avx512bw",
        "avx512vl": "avx512vl", "avx512cd": "avx512cd", "avx512vnni": "avx512_vnni",
        "avx512bf16": "avx512_bf16", "avx512vbmi2": "avx512_vbmi2", "vaes": "vaes", "gfni": "gfni",
        "avxvnni": "avx_vnni", "sse4a": "sse4a", "fma4": "fma4", "sha": "sha_ni",
        "amx-tile": "amx_tile",
      ]
      for (name, flag) in names {
        let answer = mixfuse_cpu_supports(name)
        #expect(answer == (flags.contains(flag) ? mixfuse_cpu_has : mixfuse_cpu_lacks), "\(name)")
      }
    }

    @Test("a name that is not in the table is unknown")
    func unknown() {
      #expect(mixfuse_cpu_supports("avx1024") == mixfuse_cpu_unknown)
    }
  }
#endif
