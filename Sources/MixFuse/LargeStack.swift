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
/// - Throws: the error of the first element, in their order, that has one.
package func mapOnLargeStacks<Element: Sendable, Value: Sendable>(
  _ elements: [Element], _ transform: @escaping @Sendable (Element) throws -> Value
) throws -> [Value] {
  let results = Mutex([Result<Value, any Error>?](repeating: nil, count: elements.count))
  DispatchQueue.concurrentPerform(iterations: elements.count) { index in
    let result = Result { try onLargeStack { try transform(elements[index]) } }
    results.withLock { $0[index] = result }
  }
  return try results.withLock { $0 }.compactMap { try $0?.get() }
}

private enum LargeStack {
  static let threadName = "mixfuse compiler"
  /// Address space, the first that can be had; memory is used as deep as the stack grows.
  static let sizes = [512 << 20, 128 << 20, 32 << 20]

  /// What a thread is to do.
  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Runs `body` on a thread of its own and waits for its end; false if there can be no such thread.
  static func run(bytes: Int, _ body: () -> Void) -> Bool {
    withoutActuallyEscaping(body) { body in
      let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
      defer { attributes.deallocate() }
      guard pthread_attr_init(attributes) == 0 else { return false }
      defer { pthread_attr_destroy(attributes) }
      guard pthread_attr_setstacksize(attributes, bytes) == 0 else { return false }
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
      if status == 0 { pthread_join(thread, nil) }
      work.release()
      return status == 0
    }
  }
}
