/** 教师页和大屏都要说的题目文字，英文以此为准。 */
export const questions = {
  kinds: { single: "单选", multiple: "多选", true_false: "判断", number: "数字", buzz: "抢答", text: "文字题", scale: "评分", order: "排序", attendance: "点名" },
  mean: (mean: number, steps: number) => `平均 ${mean.toFixed(2)}（1–${steps}）`,
  buzz: {
    place: (n: string) => `第 ${n} 名`,
    tie: "并列",
    provisional: "待定",
    final: "已定",
    late: "晚到",
    unknown: "间隔未知",
    empty: "还没有人抢答",
  },
} as const;
