/** What is one task and what is another, and whose number it is. */

import assert from 'node:assert/strict'
import { get, createServer } from 'node:http'
import { test } from 'node:test'
import { setImmediate as pause } from 'node:timers/promises'

import { currentTask, followRequests, run, Slots, Task } from '../src/tasks.js'

test('a slot is the smallest free number, and free again when nobody keeps its task', () => {
  const slots = new Slots()
  const [one, two, three] = [new Task(slots), new Task(slots), new Task(slots)]

  assert.equal(one.keep('a'), '1')
  assert.equal(two.keep('a'), '2')
  assert.equal(one.keep('b'), '1')
  one.letGo('a')
  assert.equal(one.slot, '1', 'b keeps it')
  one.letGo('b')
  assert.equal(one.slot, '')
  assert.equal(three.keep('a'), '1')
  assert.equal(one.keep('a'), '3')
})

test('run is a task of its own, and stays it over awaits', async () => {
  const within = async () => {
    const before = currentTask()
    await pause()
    assert.equal(currentTask(), before)
    return before
  }
  const tasks = await Promise.all([run(within), run(within)])

  assert.notEqual(tasks[0], tasks[1])
})

test('without run what follows from the first statement is one task, branches of it too', async () => {
  const task = currentTask()
  await pause()

  assert.deepEqual(await Promise.all([currentTask(), pause().then(currentTask)]), [task, task])
})

test('each request of a server is a task, though the server was begun by one', async (t) => {
  followRequests()
  const begun = currentTask()
  const seen = []
  const server = createServer(async (_, response) => {
    await pause()
    seen.push(currentTask())
    response.end()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const asked = () =>
    new Promise((resolve) => get({ port: server.address().port, host: '127.0.0.1' }, (got) => got.resume().on('end', resolve)))

  await Promise.all([asked(), asked()])

  assert.equal(new Set([begun, ...seen]).size, 3)
})

test('jobs of timers are tasks apart, though none was told to run', async () => {
  const job = () =>
    new Promise((resolve) =>
      setTimeout(async () => {
        await pause()
        const task = currentTask()
        await pause()
        assert.equal(currentTask(), task)
        resolve(task)
      }),
    )
  const [one, two] = await Promise.all([job(), job()])

  assert.notEqual(one, two)
})
