// SPDX-License-Identifier: Apache-2.0
//
// The pool of threads that sessions hand to generated code: the C pool of CMixFuseThreads as an
// object.

internal import CMixFuseThreads

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A fixed number of workers for data-parallel loops; the thread that asks for a loop is one of
/// them.
///
/// One pool can serve many sessions. If two threads use it at once, the second does its work alone;
/// give each its own pool if both should be fast. Results do not depend on any of this.
public final class ThreadPool: Sendable {
  /// The number of workers, the caller's thread included.
  public let workers: Int
  // The C pool synchronises itself.
  nonisolated(unsafe) private let pool: OpaquePointer

  /// The number of processors that this process may use.
  public static var availableProcessors: Int { Int(mixfuse_available_processors()) }

  /// Starts `workers - 1` threads, which last as long as the object.
  ///
  /// - Errors: `threadsUnavailable`, also for fewer than 1 or more than 65,536 workers.
  public init(workers: Int = ThreadPool.availableProcessors) throws(RuntimeError) {
    guard let pool = mixfuse_pool_create(Int64(workers)) else {
      throw .threadsUnavailable(workers: workers, reason: systemMessage())
    }
    self.workers = workers
    self.pool = pool
  }

  deinit {
    mixfuse_pool_destroy(pool)
  }

  /// Calls `body(index, worker)` once for each index in `0..<count`, and returns when all have
  /// finished.
  ///
  /// Inside a body of the same pool, the loop runs on that body's worker alone.
  public func forEach(_ count: Int, _ body: @Sendable (_ index: Int, _ worker: Int) -> Void) {
    withoutActuallyEscaping(body) { escaping in
      withUnsafePointer(to: escaping) { pointer in
        mixfuse_pool_run(
          UnsafeMutableRawPointer(pool), Int64(count),
          { arguments, index, worker in
            typealias Body = @Sendable (Int, Int) -> Void
            arguments?.assumingMemoryBound(to: Body.self).pointee(Int(index), Int(worker))
          }, UnsafeMutableRawPointer(mutating: pointer))
      }
    }
  }

  /// The pool as generated code takes it; valid as long as the object lives.
  var parallel: mixfuse_parallel {
    mixfuse_parallel(
      run: mixfuse_pool_run, context: UnsafeMutableRawPointer(pool), workers: Int64(workers))
  }
}
