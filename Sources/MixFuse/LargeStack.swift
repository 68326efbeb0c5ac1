// SPDX-License-Identifier: Apache-2.0
//
// The compiler follows expressions by recursion, as deep as the parser lets them be. That needs more
// stack than threads have by themselves, and must not depend on `ulimit -s` or on whose thread calls.

import Foundation
import Synchronization

/// Runs `body` on a thread with room for the deepest expression that the parser accepts; the caller
/// waits. Inside of such a call it is a plain call.
///
/// Where the address space is limited so far that there is no room for such a thread, one with less
/// has to do: it suffices for any spec but those made to be deep.
package func onLargeStack<Value>(_ body: @escaping () throws -> Value) throws -> Value {
  if Thread.current.name == LargeStack.threadName { return try body() }
  var result: Result<Value, any Error>?
  let hasRun = LargeStack.sizes.contains { bytes in
    LargeStack.run(bytes: bytes) { result = Result { try body() } }
  }
  if !hasRun { result = Result { try body() } }
  guard let result else { preconditionFailure("compiler bug: a thread without a result") }
  return try result.get()
}

/// What `transform` makes of each element, on all processors, with the stack of `onLargeStack`.
///
/// Threads of our own: those of libdispatch need file descriptors, and end the process without them.
///
/// - Throws: the error of the first element, in their order, that has one.
package func mapOnLargeStacks<Element: Sendable, Value: Sendable>(
  _ elements: [Element], _ transform: @escaping @Sendable (Element) throws -> Value
) throws -> [Value] {
  let work = SharedWork(elements, transform)
  let workers = min(ProcessInfo.processInfo.activeProcessorCount, elements.count)
  var helpers: [LargeStack.Running] = []
  for _ in 1..<max(1, workers) {
    if let helper = LargeStack.start(work.run) { helpers.append(helper) }
  }
  try onLargeStack { work.run() }
  for helper in helpers { helper.join() }
  return try work.results.withLock { $0 }.map { result in
    guard let result else { preconditionFailure("compiler bug: an element that no thread took") }
    return try result.get()
  }
}

/// What two pieces of work make, done at the same time.
///
/// - Throws: the error of the first, or else that of the second. Both have ended by then.
package func sideBySide<First: Sendable, Second>(
  _ first: @escaping @Sendable () throws -> First, _ second: () throws -> Second
) throws -> (First, Second) {
  let result = Mutex<Result<First, any Error>?>(nil)
  let running = LargeStack.start {
    let value = Result { try first() }
    result.withLock { $0 = value }
  }
  let other = Result { try second() }
  running?.join()
  // Without a thread of its own, one after the other.
  let value = try (result.withLock { $0 } ?? Result { try first() }).get()
  return (value, try other.get())
}

/// Elements that several threads take one after the other.
private final class SharedWork<Element: Sendable, Value: Sendable>: Sendable {
  let results: Mutex<[Result<Value, any Error>?]>
  private let next = Atomic(0)
  private let elements: [Element]
  private let transform: @Sendable (Element) throws -> Value

  init(_ elements: [Element], _ transform: @escaping @Sendable (Element) throws -> Value) {
    results = Mutex([Result<Value, any Error>?](repeating: nil, count: elements.count))
    self.elements = elements
    self.transform = transform
  }

  /// Takes elements until none is left.
  @Sendable func run() {
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < elements.count else { return }
      let result = Result { try transform(elements[index]) }
      results.withLock { $0[index] = result }
    }
  }
}

private enum LargeStack {
  static let threadName = "mixfuse compiler"
  /// Address space, the first that can be had; memory is used as deep as the stack grows.
  static let sizes = [512 << 20, 128 << 20, 32 << 20]

  /// A thread and what it does.
  struct Running {
    fileprivate let thread: pthread_t
    fileprivate let work: Unmanaged<Work>

    /// Waits for its end; once.
    func join() {
      pthread_join(thread, nil)
      work.release()
    }
  }

  /// What a thread is to do.
  fileprivate final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Runs `body` on a thread of its own and waits for its end; false if there can be no such thread.
  static func run(bytes: Int, _ body: () -> Void) -> Bool {
    withoutActuallyEscaping(body) { body in
      let running = start(bytes: bytes, body)
      running?.join()
      return running != nil
    }
  }

  /// Runs `body` on a thread of its own with the most stack that can be had; nil if there is none.
  static func start(_ body: @escaping () -> Void) -> Running? {
    for bytes in sizes {
      if let running = start(bytes: bytes, body) { return running }
    }
    return nil
  }

  /// Runs `body` on a thread of its own; nil if there can be no such thread.
  static func start(bytes: Int, _ body: @escaping () -> Void) -> Running? {
    let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
    defer { attributes.deallocate() }
    guard pthread_attr_init(attributes) == 0 else { return nil }
    defer { pthread_attr_destroy(attributes) }
    guard pthread_attr_setstacksize(attributes, bytes) == 0 else { return nil }
    let work = Unmanaged.passRetained(Work(body))
    var thread: pthread_t = 0
    let status = pthread_create(
      &thread, attributes,
      { work in
        guard let work else { return nil }
        Thread.current.name = LargeStack.threadName
        Unmanaged<Work>.fromOpaque(work).takeUnretainedValue().body()
        return nil
      }, work.toOpaque())
    guard status == 0 else {
      work.release()
      return nil
    }
    return Running(thread: thread, work: work)
  }
}
