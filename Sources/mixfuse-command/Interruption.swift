// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C, a hung-up terminal and the polite request to end (SIGTERM). A thread of its own waits for
// them, where anything may be done that a signal handler may not: it removes what is unfinished on
// the disk before the process ends by that signal. A command that has work to save listens: then the
// first signal is a request, which lets the running step finish and the state be saved, and only the
// second one ends the process.

import Foundation
import MixFuseShared
import Synchronization

enum Interruption {
  private static let isListening = Atomic(false)
  private static let wasRequested = Atomic(false)
  private static let signals = [SIGHUP, SIGINT, SIGTERM]

  /// Starts waiting. To be called before there are other threads.
  static func watch() {
    var set = sigset_t()
    sigemptyset(&set)
    for number in signals { sigaddset(&set, number) }
    let ignored = Set(signals.filter(isIgnored))
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let waiting = set
    Thread.detachNewThread {
      var set = waiting
      while true {
        var number: Int32 = 0
        guard sigwait(&set, &number) == 0 else { continue }
        receive(number, isIgnored: ignored.contains(number))
      }
    }
  }

  /// From now on the first signal is a request, even if the program that started this one had shut
  /// its ears to all but a hung-up terminal.
  static func listen() { isListening.store(true, ordering: .relaxed) }

  /// Whether the user has asked to stop.
  static var isRequested: Bool { wasRequested.load(ordering: .relaxed) }

  private static func receive(_ number: Int32, isIgnored: Bool) {
    let listens = isListening.load(ordering: .relaxed)
    if isIgnored && (!listens || number == SIGHUP) { return }
    if listens && !wasRequested.exchange(true, ordering: .relaxed) { return }
    Unfinished.removeAll {
      var set = sigset_t()
      sigemptyset(&set)
      sigaddset(&set, number)
      signal(number, SIG_DFL)
      pthread_sigmask(SIG_UNBLOCK, &set, nil)
      kill(getpid(), number)
      Foundation.exit(128 + number)
    }
  }

  /// Whether the program that started this one has told it to ignore a signal.
  private static func isIgnored(_ number: Int32) -> Bool {
    let handler = signal(number, SIG_DFL)
    guard unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) else {
      return false
    }
    signal(number, SIG_IGN)
    return true
  }
}
