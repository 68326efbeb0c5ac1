// SPDX-License-Identifier: Apache-2.0
//
// The compiler follows expressions by recursion, as deep as the parser lets them be. That needs more
// stack than threads have by themselves, and must not depend on `ulimit -s` or on whose thread calls.

import Dispatch
import Foundation

/// Runs `body` on a thread with room for the deepest expression that the parser accepts; the caller
/// waits. Inside of such a call it is a plain call.
package func onLargeStack<Value>(_ body: @escaping () throws -> Value) throws -> Value {
  if Thread.current.name == LargeStack.threadName { return try body() }
  // The caller's thread does nothing until the other has ended.
  nonisolated(unsafe) let work = body
  nonisolated(unsafe) var result: Result<Value, any Error>?
  let done = DispatchSemaphore(value: 0)
  let thread = Thread {
    result = Result { try work() }
    done.signal()
  }
  thread.name = LargeStack.threadName
  thread.stackSize = LargeStack.bytes
  thread.start()
  done.wait()
  guard let result else { preconditionFailure("compiler bug: a thread without a result") }
  return try result.get()
}

private enum LargeStack {
  static let threadName = "mixfuse compiler"
  /// Address space; memory is used as deep as the stack grows.
  static let bytes = 512 << 20
}
