import { ink } from "../texts/ink.zh";
import { questions } from "../texts/questions.zh";

/** 大屏页的文字，英文以此为准。 */
export const zh = {
  app: "大屏",
  connecting: "正在连接教室主机…",
  lost: "与教室主机断开，正在重连",
  askNumber: "请老师在教师页上允许这块屏幕",
  askHint: "教师页顶部会出现这个数字，点“允许”即可。",
  refusedHint: "老师没有允许。需要时再试。",
  again: "再试一次",
  noLesson: "还没有上课",
  noLessonHint: "老师开始上课后，这里会显示房间码和题目。",
  join: "扫码加入，或输入房间码",
  joinOr: "浏览器打开",
  phones: (n: number) => `已加入 ${n} 部手机`,
  keypads: "答题器不用加入，直接按",
  pairing: "教师配对码",
  question: (n: number) => `第 ${n} 题`,
  kinds: questions.kinds,
  how: { single: "选一个", multiple: "选出所有对的", true_false: "对还是错", number: "输入一个数", buzz: "抢答！按任意键" },
  buzz: questions.buzz,
  left: (clock: string) => `剩 ${clock}`,
  closed: "已截止",
  answered: "已作答",
  of: (n: number) => `共 ${n} 人`,
  true: "对",
  false: "错",
  right: "正确答案",
  empty: "还没有答案",
  others: (n: number) => `其他答案 ${n} 个`,
  other: "其他",
  otherLanguage: "EN",
  otherLanguageAloud: "EN: switch to English",
  dark: "深色",
  light: "浅色",
  full: "全屏",
  draw: "画板",
  ink,
};

export type ProjectorWords = typeof zh;
