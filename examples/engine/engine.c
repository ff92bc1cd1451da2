/* An engine in one file: two models, each the attention of a compiled config,
   with threads, caches and weights of the engine's own. README.md goes through
   it.

     attnc compile examples/configs/smollm2-135m.json -o kernels/a --scope layer
     attnc compile examples/configs/qwen3-0.6b.json -o kernels/b --scope attend
     cc -O2 -pthread examples/engine/engine.c -Ikernels/a -Ikernels/b \
        kernels/a/libsmollm2_135m.a kernels/b/libqwen3_0_6b.a -lm -o engine

   It checks itself: prompts in one piece, in chunks and token by token, with
   one thread and with four, give the same tokens and the same bits. */
#include "qwen3_0_6b.h"
#include "smollm2_135m.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  kLayers = 2, /* of the model's 30 or 28: weights are random here */
  kVocabulary = 512,
  kSequences = 2,
  kTokens = 64, /* of a sequence, at most */
  kGenerated = 8,
  kPageRows = 16,
  kPages = kSequences * kTokens / kPageRows,
  kThreads = 4
};

static void die(const char *why) {
  fprintf(stderr, "error: %s\n", why);
  exit(1);
}

/* Memory that kernels may use as a workspace too. */
static void *allocate(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!memory)
    die("no memory");
  return memory;
}

/* ------------------------------------------------------------ threads --- */

typedef void (*Job)(void *data, int ith, int nth);

/* Threads that run one job at a time together; the caller is the first. */
typedef struct Team {
  int nth;
  pthread_t threads[kThreads];
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int waiting;
  long round; /* barriers that have opened */
  Job job;    /* NULL: go home */
  void *data;
} Team;

typedef struct Member {
  Team *team;
  int ith;
} Member;

/* Returns when all have come. What was written before is read behind it. */
static void barrier(Team *team) {
  pthread_mutex_lock(&team->mutex);
  long round = team->round;
  if (++team->waiting == team->nth) {
    team->waiting = 0;
    ++team->round;
    pthread_cond_broadcast(&team->changed);
  }
  while (round == team->round)
    pthread_cond_wait(&team->changed, &team->mutex);
  pthread_mutex_unlock(&team->mutex);
}

static void *serve(void *data) {
  Member me = *(Member *)data;
  free(data);
  for (;;) {
    barrier(me.team);
    if (!me.team->job)
      return NULL;
    me.team->job(me.team->data, me.ith, me.team->nth);
    barrier(me.team);
  }
}

/* All members run the job; returns when all have. */
static void together(Team *team, Job job, void *data) {
  team->job = job;
  team->data = data;
  barrier(team);
  if (!job)
    return;
  job(data, 0, team->nth);
  barrier(team);
}

static void openTeam(Team *team, int nth) {
  memset(team, 0, sizeof(*team));
  team->nth = nth;
  pthread_mutex_init(&team->mutex, NULL);
  pthread_cond_init(&team->changed, NULL);
  for (int i = 1; i < nth; ++i) {
    Member *member = allocate(sizeof(*member));
    *member = (Member){team, i};
    if (pthread_create(&team->threads[i], NULL, serve, member))
      die("no thread");
  }
}

static void closeTeam(Team *team) {
  together(team, NULL, NULL);
  for (int i = 1; i < team->nth; ++i)
    pthread_join(team->threads[i], NULL);
  pthread_cond_destroy(&team->changed);
  pthread_mutex_destroy(&team->mutex);
}

typedef struct Loop {
  int64_t tasks;
  attn_body body;
  void *closure;
} Loop;

static void everyNth(void *data, int ith, int nth) {
  Loop *loop = data;
  for (int64_t task = ith; task < loop->tasks; task += nth)
    loop->body(loop->closure, task);
}

/* attn_context.parallel_for with a team for its pool. */
static void parallelFor(void *pool, int64_t tasks, attn_body body,
                        void *closure) {
  Loop loop = {tasks, body, closure};
  together(pool, everyNth, &loop);
}

/* ------------------------------------------------------------- caches --- */

/* Keys and values of all sequences: pages of kPageRows rows. A page is the same
   rows of every layer, so one list of pages serves all of them. */
typedef struct Pool {
  float *rows[kLayers][2]; /* [kPages, kPageRows, kv_heads, size] */
  int used;
} Pool;

/* The pages of one sequence, in order; they may lie anywhere. */
typedef struct Pages {
  int32_t at[kTokens / kPageRows];
  int count;
} Pages;

/* Makes room for `rows` rows of a sequence. Nothing is given back here: a free
   list would be all that this takes. */
static void reserve(Pool *pool, Pages *pages, int rows) {
  for (; pages->count * kPageRows < rows; ++pages->count) {
    if (pool->used == kPages)
      die("no page is left");
    pages->at[pages->count] = pool->used++;
  }
}

/* ------------------------------------------------------------ tensors --- */

typedef struct Tensor {
  DLTensor dl;
  int64_t shape[4], strides[4];
} Tensor;

/* A view of memory with `row` elements from row to row; extents of 0 end it. */
static const DLTensor *view(Tensor *t, const void *data, uint8_t code,
                            const int64_t shape[4], int64_t row) {
  memset(t, 0, sizeof(*t));
  t->dl.data = (void *)data;
  t->dl.device.device_type = kDLCPU;
  t->dl.dtype = (DLDataType){code, 32, 1};
  while (t->dl.ndim < 4 && shape[t->dl.ndim])
    ++t->dl.ndim;
  int64_t stride = 1;
  for (int i = t->dl.ndim; i-- > 0;) {
    t->shape[i] = shape[i];
    t->strides[i] = stride;
    stride = row && i == 2 ? row : stride * shape[i];
  }
  t->dl.shape = t->shape;
  t->dl.strides = t->strides;
  return &t->dl;
}

#define SHAPE(...) ((const int64_t[4]){__VA_ARGS__})

/* ------------------------------------------------------------- models --- */

struct Engine;

typedef struct Model {
  const char *name;
  int64_t hidden, heads, kvHeads, size;
  float *embedding, *head; /* [kVocabulary, hidden] */
  /* As a checkpoint has them: [columns out, columns in]. */
  float *q[kLayers], *k[kLayers], *v[kLayers], *o[kLayers];
  float *norm; /* [size], of queries and keys */
  uint64_t (*workspace)(const attn_maxima *maxima);
  void (*step)(struct Engine *engine);
} Model;

/* What one step does for one sequence. */
typedef struct Sequence {
  int32_t tokens[kTokens];
  int known, prompt;
  int32_t length; /* rows in the cache, this step's included */
  int rows;       /* of this step; they are the last ones */
  int32_t positions[kTokens];
  Pages pages;
  float *x, *normed, *out; /* [kTokens, hidden] */
  float *fused;            /* [kTokens, (heads + 2 kv_heads) size] */
  float *mixed;            /* [kTokens, heads * size] */
  float *states;           /* [kTokens, hidden], what the last layer gave */
  void *workspace;
} Sequence;

typedef struct Engine {
  const Model *model;
  Team team;
  Pool pool;
  Sequence sequences[kSequences];
  uint64_t workspaceBytes;
} Engine;

/* The whole pool; a call's page table says which of it is a sequence's. */
static const DLTensor *cacheOf(Tensor *t, const Engine *engine, int layer,
                               int kind) {
  const Model *m = engine->model;
  return view(t, engine->pool.rows[layer][kind], kDLFloat,
              SHAPE(kPages, kPageRows, m->kvHeads, m->size), 0);
}

static const DLTensor *pagesOf(Tensor *t, const Sequence *s) {
  return view(t, s->pages.at, kDLInt, SHAPE(1, s->pages.count), 0);
}

static void normRow(float *to, const float *from, int64_t width) {
  float squares = 0;
  for (int64_t i = 0; i < width; ++i)
    squares += from[i] * from[i];
  float scale = 1 / sqrtf(squares / (float)width + 1e-6f);
  for (int64_t i = 0; i < width; ++i)
    to[i] = from[i] * scale;
}

static void addRow(float *to, const float *from, int64_t width) {
  for (int64_t i = 0; i < width; ++i)
    to[i] += from[i];
}

static attn_context contextFor(const Engine *engine, const Sequence *s,
                               char *text, size_t bytes) {
  attn_context context = ATTN_CONTEXT_INIT;
  context.workspace = s->workspace;
  context.workspace_bytes = engine->workspaceBytes;
  context.workers = engine->team.nth;
  context.text = text;
  context.text_bytes = bytes;
  return context;
}

/* --------------------------------- smollm2: scope layer, plan and task --- */

typedef struct LayerCall {
  smollm2_135m_layer_args args;
  attn_context context;
  attn_plan plan;
  Tensor hidden, positions, keys, values, length, pages, q, k, v, o, out;
} LayerCall;

typedef struct LayerStep {
  Engine *engine;
  LayerCall calls[kSequences];
} LayerStep;

/* On one thread, before the phases: arguments, check, plan. */
static void planLayer(Engine *engine, Sequence *s, int layer, LayerCall *c) {
  const Model *m = engine->model;
  int64_t hidden = m->hidden, kv = m->kvHeads * m->size;
  char text[256];
  const smollm2_135m_layer_args none = smollm2_135m_layer_ARGS_INIT;
  memset(c, 0, sizeof(*c));
  if (!s->rows)
    return;
  c->args = none;
  c->args.layer = (uint32_t)layer;
  c->args.hidden_states =
      view(&c->hidden, s->normed, kDLFloat, SHAPE(1, s->rows, hidden), 0);
  c->args.position_ids =
      view(&c->positions, s->positions, kDLInt, SHAPE(1, s->rows), 0);
  c->args.key_cache = cacheOf(&c->keys, engine, layer, 0);
  c->args.value_cache = cacheOf(&c->values, engine, layer, 1);
  c->args.page_table = pagesOf(&c->pages, s);
  c->args.kv_lengths = view(&c->length, &s->length, kDLInt, SHAPE(1), 0);
  c->args.q_proj_weight =
      view(&c->q, m->q[layer], kDLFloat, SHAPE(hidden, hidden), 0);
  c->args.k_proj_weight =
      view(&c->k, m->k[layer], kDLFloat, SHAPE(kv, hidden), 0);
  c->args.v_proj_weight =
      view(&c->v, m->v[layer], kDLFloat, SHAPE(kv, hidden), 0);
  c->args.o_proj_weight =
      view(&c->o, m->o[layer], kDLFloat, SHAPE(hidden, hidden), 0);
  c->args.output =
      view(&c->out, s->out, kDLFloat, SHAPE(1, s->rows, hidden), 0);
  c->context = contextFor(engine, s, text, sizeof(text));
  if (smollm2_135m_layer_can_run(&c->args, &c->context) ||
      smollm2_135m_layer_plan(&c->args, &c->context, &c->plan))
    die(text);
  c->context.text = NULL; /* tasks that run at once must not share one */
  c->context.text_bytes = 0;
}

/* Phase by phase the tasks of all sequences, whatever each is up to. */
static void runPhases(LayerStep *step, int ith, int nth) {
  int64_t phases = 0;
  for (int i = 0; i < kSequences; ++i)
    if (phases < step->calls[i].plan.phases)
      phases = step->calls[i].plan.phases;
  for (int64_t phase = 0; phase < phases; ++phase) {
    int64_t task = ith;
    for (int i = 0; i < kSequences; ++i) {
      LayerCall *c = &step->calls[i];
      int64_t tasks = phase < c->plan.phases ? c->plan.tasks[phase] : 0;
      for (; task < tasks; task += nth)
        if (smollm2_135m_layer_task(&c->args, &c->context, phase, task))
          die("more threads run tasks than the context has workers");
      task -= tasks;
    }
    barrier(&step->engine->team);
  }
}

/* Every thread goes through the whole model; barriers keep them together. */
static void layerJob(void *data, int ith, int nth) {
  LayerStep *step = data;
  Engine *engine = step->engine;
  int64_t width = engine->model->hidden;
  for (int layer = 0; layer < kLayers; ++layer) {
    for (int i = 0; i < kSequences; ++i)
      for (int row = ith; row < engine->sequences[i].rows; row += nth)
        normRow(engine->sequences[i].normed + row * width,
                engine->sequences[i].x + row * width, width);
    for (int i = ith; i < kSequences; i += nth)
      planLayer(engine, &engine->sequences[i], layer, &step->calls[i]);
    barrier(&engine->team);
    runPhases(step, ith, nth);
    for (int i = 0; i < kSequences; ++i)
      for (int row = ith; row < engine->sequences[i].rows; row += nth)
        addRow(engine->sequences[i].x + row * width,
               engine->sequences[i].out + row * width, width);
    /* An MLP would stand here, done like the rows above. */
  }
}

static void layerStep(Engine *engine) {
  LayerStep step = {.engine = engine};
  together(&engine->team, layerJob, &step);
}

/* ------------------- qwen3: own projections, scope attend, parallel_for --- */

typedef struct Product {
  const float *in, *weight;
  float *out;
  int64_t rows, from, to, outRow;
} Product;

enum { kColumns = 64, kLanes = 16 };

/* kColumns columns of out = in . weight^T; a row's sums do not depend on how
   many rows there are, or rows would not be the same in chunks of any size. */
static void multiply(void *closure, int64_t block) {
  const Product *p = closure;
  int64_t end = (block + 1) * kColumns < p->to ? (block + 1) * kColumns : p->to;
  for (int64_t column = block * kColumns; column < end; ++column)
    for (int64_t row = 0; row < p->rows; ++row) {
      const float *a = p->in + row * p->from;
      const float *b = p->weight + column * p->from;
      float lanes[kLanes] = {0}, sum = 0;
      for (int64_t i = 0; i < p->from; i += kLanes)
        for (int lane = 0; lane < kLanes; ++lane)
          lanes[lane] += a[i + lane] * b[i + lane];
      for (int lane = 0; lane < kLanes; ++lane)
        sum += lanes[lane];
      p->out[row * p->outRow + column] = sum;
    }
}

static void project(Team *team, Product product) {
  parallelFor(team, (product.to + kColumns - 1) / kColumns, multiply, &product);
}

/* Query, key and value are columns of one product: views, nothing is copied. */
static void attendRows(Engine *engine, Sequence *s, int layer) {
  const Model *m = engine->model;
  int64_t q = m->heads * m->size, kv = m->kvHeads * m->size, row = q + 2 * kv;
  Tensor query, key, value, positions, keys, values, length, pages, qn, kn, out;
  char text[256];
  qwen3_0_6b_attend_args args = qwen3_0_6b_attend_ARGS_INIT;
  args.layer = (uint32_t)layer;
  args.query = view(&query, s->fused, kDLFloat,
                    SHAPE(1, s->rows, m->heads, m->size), row);
  args.key = view(&key, s->fused + q, kDLFloat,
                  SHAPE(1, s->rows, m->kvHeads, m->size), row);
  args.value = view(&value, s->fused + q + kv, kDLFloat,
                    SHAPE(1, s->rows, m->kvHeads, m->size), row);
  args.position_ids =
      view(&positions, s->positions, kDLInt, SHAPE(1, s->rows), 0);
  args.key_cache = cacheOf(&keys, engine, layer, 0);
  args.value_cache = cacheOf(&values, engine, layer, 1);
  args.page_table = pagesOf(&pages, s);
  args.kv_lengths = view(&length, &s->length, kDLInt, SHAPE(1), 0);
  args.q_norm_weight = view(&qn, m->norm, kDLFloat, SHAPE(m->size), 0);
  args.k_norm_weight = view(&kn, m->norm, kDLFloat, SHAPE(m->size), 0);
  args.output =
      view(&out, s->mixed, kDLFloat, SHAPE(1, s->rows, m->heads, m->size), 0);
  attn_context context = contextFor(engine, s, text, sizeof(text));
  context.parallel_for = parallelFor;
  context.pool = &engine->team;
  if (qwen3_0_6b_attend(&args, &context))
    die(text);
}

static void attendSequence(Engine *engine, Sequence *s) {
  const Model *m = engine->model;
  Team *team = &engine->team;
  int64_t w = m->hidden, q = m->heads * m->size, kv = m->kvHeads * m->size;
  int64_t row = q + 2 * kv;
  for (int layer = 0; layer < kLayers; ++layer) {
    for (int i = 0; i < s->rows; ++i)
      normRow(s->normed + i * w, s->x + i * w, w);
    project(team,
            (Product){s->normed, m->q[layer], s->fused, s->rows, w, q, row});
    project(team, (Product){s->normed, m->k[layer], s->fused + q, s->rows, w,
                            kv, row});
    project(team, (Product){s->normed, m->v[layer], s->fused + q + kv, s->rows,
                            w, kv, row});
    attendRows(engine, s, layer);
    project(team, (Product){s->mixed, m->o[layer], s->out, s->rows, q, w, w});
    for (int i = 0; i < s->rows; ++i)
      addRow(s->x + i * w, s->out + i * w, w);
  }
}

static void attendStep(Engine *engine) {
  for (int i = 0; i < kSequences; ++i)
    if (engine->sequences[i].rows)
      attendSequence(engine, &engine->sequences[i]);
}

/* ----------------------------------------------------------- the loop --- */

/* Takes up to `chunk` tokens that are known and not in the cache yet. */
static void feed(Engine *engine, Sequence *s, int chunk) {
  int64_t w = engine->model->hidden;
  int left = s->known - s->length;
  s->rows = left < chunk ? left : chunk;
  for (int i = 0; i < s->rows; ++i) {
    s->positions[i] = s->length + i;
    memcpy(s->x + i * w,
           engine->model->embedding + s->tokens[s->length + i] * w,
           sizeof(float) * (size_t)w);
  }
  s->length += s->rows;
  reserve(&engine->pool, &s->pages, s->length);
}

/* Keeps the states of this step; behind the last token chooses the next. */
static void choose(Engine *engine, Sequence *s) {
  const Model *m = engine->model;
  memcpy(s->states + (s->length - s->rows) * m->hidden, s->x,
         sizeof(float) * (size_t)(s->rows * m->hidden));
  if (!s->rows || s->length < s->known || s->known == s->prompt + kGenerated)
    return;
  const float *state = s->states + (s->length - 1) * m->hidden;
  float best = -INFINITY;
  for (int32_t token = 0; token < kVocabulary; ++token) {
    float score = 0;
    for (int64_t i = 0; i < m->hidden; ++i)
      score += state[i] * m->head[token * m->hidden + i];
    if (score > best) {
      best = score;
      s->tokens[s->known] = token;
    }
  }
  ++s->known;
}

static float *numbers(size_t count, float scale) {
  static uint32_t state = 1;
  float *values = allocate(count * sizeof(float));
  for (size_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    values[i] = ((float)(state >> 8) / 8388608.0f - 1) * scale;
  }
  return values;
}

static void fillModel(Model *m) {
  size_t w = (size_t)m->hidden, q = (size_t)(m->heads * m->size);
  size_t kv = (size_t)(m->kvHeads * m->size);
  float scale = sqrtf(3.0f / (float)m->hidden);
  m->embedding = numbers(kVocabulary * w, 1);
  m->head = numbers(kVocabulary * w, 1);
  m->norm = numbers((size_t)m->size, 1);
  for (int layer = 0; layer < kLayers; ++layer) {
    m->q[layer] = numbers(q * w, scale);
    m->k[layer] = numbers(kv * w, scale);
    m->v[layer] = numbers(kv * w, scale);
    m->o[layer] = numbers(w * q, scale);
  }
}

static float *rowsOf(int64_t width) {
  return allocate(sizeof(float) * (size_t)(kTokens * width));
}

static void openEngine(Engine *engine, const Model *m, int threads) {
  static const int prompts[kSequences] = {40, 23};
  memset(engine, 0, sizeof(*engine));
  engine->model = m;
  openTeam(&engine->team, threads);
  for (int i = 0; i < 2 * kLayers; ++i)
    engine->pool.rows[i / 2][i % 2] = allocate(
        sizeof(float) * (size_t)(kPages * kPageRows * m->kvHeads * m->size));

  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.query_length = kTokens;
  maxima.workers = threads;
  maxima.kv_length = kTokens;
  engine->workspaceBytes = m->workspace(&maxima);
  for (int i = 0; i < kSequences; ++i) {
    Sequence *s = &engine->sequences[i];
    s->known = s->prompt = prompts[i];
    for (int t = 0; t < s->prompt; ++t)
      s->tokens[t] = (t * 37 + i * 101) % kVocabulary;
    s->x = rowsOf(m->hidden);
    s->normed = rowsOf(m->hidden);
    s->out = rowsOf(m->hidden);
    s->states = rowsOf(m->hidden);
    s->fused = rowsOf((m->heads + 2 * m->kvHeads) * m->size);
    s->mixed = rowsOf(m->heads * m->size);
    s->workspace = allocate(engine->workspaceBytes);
  }
}

static void closeEngine(Engine *engine) {
  closeTeam(&engine->team);
  for (int i = 0; i < 2 * kLayers; ++i)
    free(engine->pool.rows[i / 2][i % 2]);
  for (int i = 0; i < kSequences; ++i) {
    Sequence *s = &engine->sequences[i];
    void *memory[] = {s->x,     s->normed, s->out,      s->states,
                      s->fused, s->mixed,  s->workspace};
    for (size_t k = 0; k < sizeof(memory) / sizeof(*memory); ++k)
      free(memory[k]);
  }
}

/* Prompts in chunks, then tokens until there are enough. */
static void generate(Engine *engine, int chunk) {
  for (;;) {
    int rows = 0;
    for (int i = 0; i < kSequences; ++i) {
      feed(engine, &engine->sequences[i], chunk);
      rows += engine->sequences[i].rows;
    }
    if (!rows)
      return;
    engine->model->step(engine);
    for (int i = 0; i < kSequences; ++i)
      choose(engine, &engine->sequences[i]);
  }
}

static int same(const Engine *a, const Engine *b) {
  for (int i = 0; i < kSequences; ++i) {
    const Sequence *s = &a->sequences[i], *t = &b->sequences[i];
    size_t bytes = sizeof(float) * (size_t)(s->length * a->model->hidden);
    if (s->length != t->length || memcmp(s->states, t->states, bytes) ||
        memcmp(s->tokens, t->tokens, (size_t)s->known * sizeof(int32_t)))
      return 0;
  }
  return 1;
}

/* Whether chunks and threads change nothing. */
static int check(const Model *m) {
  static const struct {
    int chunk, threads;
  } ways[] = {{kTokens, kThreads}, {7, kThreads}, {1, kThreads}, {1, 1}};
  Engine whole;
  int wrong = 0;
  openEngine(&whole, m, 1);
  generate(&whole, kTokens);
  printf("%s: tokens", m->name);
  for (int i = 0; i < kSequences; ++i)
    for (int t = 0; t < kGenerated; ++t)
      printf(" %d", whole.sequences[i].tokens[whole.sequences[i].prompt + t]);
  printf("\n");
  for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); ++i) {
    Engine other;
    openEngine(&other, m, ways[i].threads);
    generate(&other, ways[i].chunk);
    int equal = same(&whole, &other);
    printf("  chunks of %d, %d threads: %s\n", ways[i].chunk, ways[i].threads,
           equal ? "the same bits" : "different");
    wrong += !equal;
    closeEngine(&other);
  }
  closeEngine(&whole);
  return wrong;
}

int main(void) {
  Model models[] = {
      {.name = "smollm2_135m, scope layer",
       .hidden = 576,
       .heads = 9,
       .kvHeads = 3,
       .size = 64,
       .workspace = smollm2_135m_layer_workspace,
       .step = layerStep},
      {.name = "qwen3_0_6b, scope attend",
       .hidden = 1024,
       .heads = 16,
       .kvHeads = 8,
       .size = 128,
       .workspace = qwen3_0_6b_attend_workspace,
       .step = attendStep},
  };
  int wrong = 0;
  for (size_t i = 0; i < sizeof(models) / sizeof(*models); ++i) {
    fillModel(&models[i]);
    wrong += check(&models[i]);
  }
  return wrong != 0;
}
